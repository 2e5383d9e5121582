#pragma once
// The vendor's candidates for the two products, dense and convolution; see tensor/operations.h.
#include "tensor/grouped_convolution.h"

namespace tensor::onednn {

Candidates dense_forward(const Layout& src, const Layout& weights, std::int64_t nout, const Product& product);
Candidates dense_backward_data(const Kernel& forward, const Layout& weights, const Layout& diff_dst);
Candidates dense_backward_weights(const Kernel& forward, const Layout& src, const Layout& diff_dst, bool bias);

Candidates convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const GroupedSliding& window,
                               const Product& product);
Candidates convolution_backward_data(const Kernel& forward, const GroupedSliding& window, const Layout& weights,
                                     const Layout& diff_dst);
Candidates convolution_backward_weights(const Kernel& forward, const GroupedSliding& window, const Layout& src,
                                        const Layout& diff_dst, bool bias);

}  // namespace tensor::onednn

#pragma once
// Dense and convolution in plain loops over row-major tensors; see tensor/operations.h. The last candidates: slow, and
// never refused.
#include "tensor/grouped_convolution.h"

namespace tensor::plain {

Candidate dense_forward(const Layout& src, std::int64_t nout, const Product& product);
Candidate dense_backward_data(const Layout& weights, const Layout& diff_dst);
Candidate dense_backward_weights(const Layout& src, const Layout& diff_dst, bool bias);

Candidate convolution_forward(const Layout& src, const Shape& dst, const GroupedSliding& window,
                              const Product& product);
Candidate convolution_backward_data(const Shape& src, const GroupedSliding& window, const Layout& weights,
                                    const Layout& diff_dst);
Candidate convolution_backward_weights(const GroupedSliding& window, const Layout& src, const Layout& diff_dst,
                                       bool bias);

}  // namespace tensor::plain

#include "tensor/operations.h"

#include "tensor/kernels/plain_products.h"
#include "tensor/onednn/products.h"

namespace tensor {
namespace {

Candidates followed_by(Candidates list, Candidate last) {
  list.push_back(std::move(last));
  return list;
}

}  // namespace

Candidates dense_forward(const Layout& src, const Layout& weights, std::int64_t nout, const Product& product) {
  return followed_by(onednn::dense_forward(src, weights, nout, product), plain::dense_forward(src, nout, product));
}

Candidates dense_backward_data(const Kernel& forward, const Layout& weights, const Layout& diff_dst) {
  return followed_by(onednn::dense_backward_data(forward, weights, diff_dst),
                     plain::dense_backward_data(weights, diff_dst));
}

Candidates dense_backward_weights(const Kernel& forward, const Layout& src, const Layout& diff_dst, bool bias) {
  return followed_by(onednn::dense_backward_weights(forward, src, diff_dst, bias),
                     plain::dense_backward_weights(src, diff_dst, bias));
}

Candidates convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const Sliding& window,
                               const Product& product) {
  return followed_by(onednn::convolution_forward(src, weights, dst, window, product),
                     plain::convolution_forward(src, dst, window, product));
}

Candidates convolution_backward_data(const Kernel& forward, const Sliding& window, const Layout& weights,
                                     const Layout& diff_dst) {
  return followed_by(onednn::convolution_backward_data(forward, window, weights, diff_dst),
                     plain::convolution_backward_data(forward->layout(Slot::src).shape(), window, weights, diff_dst));
}

Candidates convolution_backward_weights(const Kernel& forward, const Sliding& window, const Layout& src,
                                        const Layout& diff_dst, bool bias) {
  return followed_by(onednn::convolution_backward_weights(forward, window, src, diff_dst, bias),
                     plain::convolution_backward_weights(window, src, diff_dst, bias));
}

}  // namespace tensor

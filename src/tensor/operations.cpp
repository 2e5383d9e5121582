#include "tensor/grouped_convolution.h"

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

Shape convolution_weights(const Shape& src, std::int64_t k, const GroupedSliding& window) {
  Shape shape{k / window.groups, src[1] / window.groups};
  if (window.groups > 1) shape.insert(shape.begin(), window.groups);
  if (src.size() == 5) shape.push_back(window.window.d);
  shape.insert(shape.end(), {window.window.h, window.window.w});
  return shape;
}

Candidates convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const GroupedSliding& window,
                               const Product& product) {
  return followed_by(onednn::convolution_forward(src, weights, dst, window, product),
                     plain::convolution_forward(src, dst, window, product));
}

Candidates convolution_backward_data(const Kernel& forward, const GroupedSliding& window, const Layout& weights,
                                     const Layout& diff_dst) {
  return followed_by(onednn::convolution_backward_data(forward, window, weights, diff_dst),
                     plain::convolution_backward_data(forward->layout(Slot::src).shape(), window, weights, diff_dst));
}

Candidates convolution_backward_weights(const Kernel& forward, const GroupedSliding& window, const Layout& src,
                                        const Layout& diff_dst, bool bias) {
  return followed_by(onednn::convolution_backward_weights(forward, window, src, diff_dst, bias),
                     plain::convolution_backward_weights(window, src, diff_dst, bias));
}

Candidates convolution_forward(const Layout& src, const Layout& weights, const Shape& dst, const Sliding& window,
                               const Product& product) {
  return convolution_forward(src, weights, dst, GroupedSliding{window}, product);
}

Candidates convolution_backward_data(const Kernel& forward, const Sliding& window, const Layout& weights,
                                     const Layout& diff_dst) {
  return convolution_backward_data(forward, GroupedSliding{window}, weights, diff_dst);
}

Candidates convolution_backward_weights(const Kernel& forward, const Sliding& window, const Layout& src,
                                        const Layout& diff_dst, bool bias) {
  return convolution_backward_weights(forward, GroupedSliding{window}, src, diff_dst, bias);
}

}  // namespace tensor

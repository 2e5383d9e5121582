#include "tensor/onednn/engine.h"
#include "tensor/onednn/products.h"

namespace tensor::onednn {
namespace {

using Forward = dnnl::inner_product_forward;
using BackwardData = dnnl::inner_product_backward_data;
using BackwardWeights = dnnl::inner_product_backward_weights;

/// The vendor's plain sgemm walks weights whose rows are multiples of 4 KB several times slower in one direction than
/// in the other: the forward product wants rows of inputs, the input gradient rows of outputs. Its packed kernels do
/// not care.
bool is_long_row(const Shape& weights) { return element_count(weights) / weights[0] % 1024 == 0; }
bool is_plain_product(std::string_view name) { return name.find("gemm:jit") != std::string_view::npos; }

/// `list`, but where its first kernel is a plain product over long rows, that product with the rows in the better
/// direction first.
Candidates with_better_rows(Candidates list, Candidate better) {
  Candidate first = list.front();
  list.front().make = [make = first.make] {
    Offer offer = make();
    if (offer.kernel && is_plain_product(offer.kernel->name()))
      return Offer{nullptr, "a plain product over rows of 4 KB, against their direction"};
    return offer;
  };
  list.insert(list.begin() + 1, {std::move(better), std::move(first)});
  return list;
}

/// What the vendor wants to know of the forward kernel, whoever made it.
Forward::primitive_desc hint_of(const Kernel& forward, const Shape& src, const Shape& weights) {
  if (const VendorKernel* kernel = vendor(forward); kernel != nullptr && kernel->dense) return kernel->dense;
  return {
      {dnnl::prop_kind::forward_training, any(src), any(weights), any({src[0], weights[0]})}, attributes(), engine()};
}

}  // namespace

Candidates dense_forward(const Layout& src, const Layout& weights, std::int64_t nout, const Product& product) {
  Shape w = src.shape();
  w[0] = nout;
  const auto ask = [=](int attempt, const dnnl::memory::desc& free_weights) {
    const bool keep_src = attempt == 0 && src.dtype() == Dtype::f32;
    const bool keep_weights = attempt < 2 && weights;
    return Forward::primitive_desc(
        {product.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference,
         keep_src ? desc_of(src) : any(src.shape()), keep_weights ? desc_of(weights) : free_weights,
         product.bias ? any({nout}) : dnnl::memory::desc(), any({src.shape()[0], nout})},
        attributes(product.then), engine());
  };
  const auto finish = [bias = product.bias](const Forward::primitive_desc& description) {
    auto kernel = VendorKernel::of<Forward>(description);
    kernel->add(Slot::src, description.src_desc());
    kernel->add(Slot::weights, description.weights_desc());
    if (bias) kernel->add(Slot::bias, description.bias_desc());
    kernel->add(Slot::dst, description.dst_desc());
    kernel->dense = description;
    return kernel;
  };
  auto list = candidates(
      {{"input and weights as they lie", 0}, {"weights as they lie", 1}, {"any order", 2}},
      [=](int attempt) { return ask(attempt, any(w)); }, finish);
  if (weights || !is_long_row(w)) return list;
  return with_better_rows(
      std::move(list),
      {"oneDNN, weights in rows of inputs",
       [=] { return offer([&] { return ask(0, desc_of(Layout::row_major(Dtype::f32, w))); }, finish, false); }});
}

Candidates dense_backward_data(const Kernel& forward, const Layout& weights, const Layout& diff_dst) {
  const Shape& w = weights.shape();
  Shape src = w;
  src[0] = diff_dst.shape()[0];
  const auto ask = [=](int attempt, const dnnl::memory::desc& first_weights) {
    const auto hint = hint_of(forward, src, weights.shape());
    return BackwardData::primitive_desc({attempt == 0 ? hint.src_desc() : any(src),
                                         attempt == 0  ? first_weights
                                         : attempt < 2 ? desc_of(weights)
                                                       : any(weights.shape()),
                                         attempt < 2 ? desc_of(diff_dst) : any(diff_dst.shape())},
                                        attributes(), engine(), hint);
  };
  const auto finish = [](const BackwardData::primitive_desc& description) {
    auto kernel = VendorKernel::of<BackwardData>(description);
    kernel->add(Slot::diff_dst, description.diff_dst_desc());
    kernel->add(Slot::weights, description.weights_desc());
    kernel->add(Slot::diff_src, description.diff_src_desc());
    return kernel;
  };
  auto list = candidates(
      {{"all as it lies", 0}, {"weights and error as they lie", 1}, {"any order", 2}},
      [=](int attempt) { return ask(attempt, desc_of(weights)); }, finish);
  if (w.size() != 2 || !is_long_row(w)) return list;
  const dnnl::memory::desc outputs_in_rows(w, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ba);
  return with_better_rows(std::move(list), {"oneDNN, weights in rows of outputs", [=] {
                                              return offer([&] { return ask(0, outputs_in_rows); }, finish, false);
                                            }});
}

Candidates dense_backward_weights(const Kernel& forward, const Layout& src, const Layout& diff_dst, bool bias) {
  Shape w = src.shape();
  w[0] = diff_dst.shape()[1];
  const auto ask = [=](int attempt) {
    const auto hint = hint_of(forward, src.shape(), w);
    return BackwardWeights::primitive_desc(
        {attempt < 2 ? desc_of(src) : any(src.shape()), attempt == 0 ? hint.weights_desc() : any(w),
         bias ? any({w[0]}) : dnnl::memory::desc(), attempt < 2 ? desc_of(diff_dst) : any(diff_dst.shape())},
        attributes(), engine(), hint);
  };
  const auto finish = [bias](const BackwardWeights::primitive_desc& description) {
    auto kernel = VendorKernel::of<BackwardWeights>(description);
    kernel->add(Slot::src, description.src_desc());
    kernel->add(Slot::diff_dst, description.diff_dst_desc());
    kernel->add(Slot::diff_weights, description.diff_weights_desc());
    if (bias) kernel->add(Slot::diff_bias, description.diff_bias_desc());
    return kernel;
  };
  return candidates({{"all as it lies", 0}, {"input and error as they lie", 1}, {"any order", 2}}, ask, finish);
}

}  // namespace tensor::onednn

#include "tensor/onednn/engine.h"

#include "base/error.h"

namespace tensor {
namespace {
thread_local int vendor_depth = 0;
}

bool inside_vendor_call() { return vendor_depth > 0; }

namespace onednn {

VendorCall::VendorCall() { ++vendor_depth; }
VendorCall::~VendorCall() { --vendor_depth; }

const dnnl::engine& engine() {
  static const dnnl::engine engine = guarded("an engine", [] { return dnnl::engine(dnnl::engine::kind::cpu, 0); });
  return engine;
}

dnnl::stream& stream() {
  // CPU streams run in the caller and keep nothing between kernels; one per thread spares any question of sharing.
  thread_local dnnl::stream stream = guarded("a stream", [] { return dnnl::stream(engine()); });
  return stream;
}

void fail(const char* what, const char* message) {
  throw base::Error(base::Code::internal, fmt::format("oneDNN cannot make or run {}: {}", what, message));
}

void out_of_memory(const char* what) {
  throw base::Error(base::Code::unavailable,
                    fmt::format("no memory for {}; use a smaller batch_size or ask for more memory", what));
}

dnnl::memory::data_type data_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32: return dnnl::memory::data_type::f32;
    case Dtype::u8: return dnnl::memory::data_type::u8;
    case Dtype::i32: return dnnl::memory::data_type::s32;
  }
  return dnnl::memory::data_type::undef;
}

dnnl::memory::desc any(const Shape& shape) {
  return {shape, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

dnnl::primitive_attr attributes(const std::optional<FunctionOf>& then) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (then) {
    dnnl::post_ops operations;
    const auto algorithm = then->function == Function::rectlin    ? dnnl::algorithm::eltwise_relu
                           : then->function == Function::logistic ? dnnl::algorithm::eltwise_logistic
                                                                  : dnnl::algorithm::eltwise_tanh;
    operations.append_eltwise(1.0f, algorithm, then->slope, 0.0f);
    attributes.set_post_ops(operations);
  }
  return attributes;
}

}  // namespace onednn
}  // namespace tensor

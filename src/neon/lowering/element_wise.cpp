#include "neon/lowering/element_wise.h"

#include "base/error.h"
#include "tensor/parallel.h"
#include "tensor/threads.h"

namespace neon {
namespace {

using tensor::Slot;

std::int64_t floats_in(const tensor::Layout& layout) {
  return static_cast<std::int64_t>(layout.size_bytes() / sizeof(float));
}

/// Padding of blocked layouts is treated like everything else, so f(0) = 0 must hold where there is some.
class Apply final : public tensor::OwnKernel {
 public:
  Apply(const tensor::Layout& layout, std::shared_ptr<const Transform> function)
      : OwnKernel("activation", {{Slot::src, layout}, {Slot::dst, layout}}), function_(std::move(function)) {}

  void run(const tensor::RunContext&) const override {
    tensor::for_elements(floats_in(arguments_[0].layout), [&](std::int64_t begin, std::int64_t end) {
      function_->apply(at(0) + begin, at(1) + begin, end - begin);
    });
  }

 private:
  std::shared_ptr<const Transform> function_;
};

class Differentiate final : public tensor::OwnKernel {
 public:
  Differentiate(const tensor::Layout& layout, std::shared_ptr<const Transform> function)
      : OwnKernel("derivative", {{Slot::dst, layout}, {Slot::diff_dst, layout}, {Slot::diff_src, layout}}),
        function_(std::move(function)) {}

  void run(const tensor::RunContext&) const override {
    tensor::for_elements(floats_in(arguments_[0].layout), [&](std::int64_t begin, std::int64_t end) {
      function_->differentiate(at(0) + begin, at(1) + begin, at(2) + begin, end - begin);
    });
  }

 private:
  std::shared_ptr<const Transform> function_;
};

/// x itself, or in plain order where the function would fill the padding of a blocked layout, which must stay zero.
Value where_padding_stays_zero(Lowering& lowering, const Transform& function, const Value& x, const std::string& name) {
  const float zero = 0;
  float at_zero = 0;
  function.apply(&zero, &at_zero, 1);
  if (at_zero == 0 || floats_in(x.layout) == tensor::element_count(x.layout.shape())) return x;
  return lowering.in_layout(x, tensor::Layout::row_major(tensor::Dtype::f32, x.layout.shape()),
                            name + " input in plain order");
}

}  // namespace

void Transform::apply(const float*, float*, std::int64_t) const {
  throw base::Error(base::Code::internal, "this activation has no function of single numbers");
}
void Transform::differentiate(const float*, const float*, float*, std::int64_t) const {
  throw base::Error(base::Code::internal, "this activation has no derivative of single numbers");
}
Value Transform::forward(Lowering&, const Value&, const std::string& name) const {
  throw base::Error(base::Code::internal, fmt::format("activation of '{}' has no forward step of its own", name));
}
Value Transform::backward(Lowering&, const Value&, const Value&, const std::string& name) const {
  throw base::Error(base::Code::internal, fmt::format("activation of '{}' has no backward step of its own", name));
}

Value through_function(Lowering& lowering, const std::shared_ptr<const Transform>& function, const Value& src,
                       const std::string& name) {
  const auto vendor = function->vendor_function();
  const Value x = vendor ? src : where_padding_stays_zero(lowering, *function, src, name);
  const Value y = lowering.value(x.layout);
  lowering.may_replace(x, y);
  const tensor::ThreadScope scope(tensor::threads_for(floats_in(x.layout)));
  lowering.add(name + " forward",
               vendor ? tensor::function_forward(x.layout, *vendor) : std::make_shared<Apply>(x.layout, function),
               {{Slot::src, x.buffer}, {Slot::dst, y.buffer}});
  return y;
}

Value through_derivative(Lowering& lowering, const Following& following, const Value& at, const Value& diff_dst,
                         const std::string& name) {
  if (following.transform->is_identity() || following.takes_shortcut) return diff_dst;
  const Value dy = lowering.in_layout(diff_dst, at.layout, name + " error in another order");
  const Value dx = lowering.value(at.layout);
  lowering.may_replace(dy, dx);
  lowering.add(name + " derivative", std::make_shared<Differentiate>(at.layout, following.transform),
               {{Slot::dst, at.buffer}, {Slot::diff_dst, dy.buffer}, {Slot::diff_src, dx.buffer}});
  return dx;
}

}  // namespace neon

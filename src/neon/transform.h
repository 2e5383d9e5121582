#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tensor/operations.h"

namespace neon {

class Lowering;
class OnnxNodes;
struct Value;

/// An activation function; neon's word. Most treat every number alike and say what they do to a run of numbers; others
/// (Softmax) see whole rows and emit steps of their own.
/// neon takes the derivative of Softmax and of Logistic(shortcut) as 1 wherever they stand. That is right only before
/// the cost whose gradient contains the real derivative (Cost::shortcut_activation), and only there a plan does so.
/// Source: neon 2.6, "Activations".
class Transform {
 public:
  static constexpr std::string_view kKind = "activation";
  virtual ~Transform() = default;

  /// Whether every number is treated alike; then the three below are meant, and can be joined to what comes before.
  virtual bool is_element_wise() const { return true; }
  /// y = f(x), count numbers; y may be x. The vendor computes it instead where it knows the function.
  virtual void apply(const float* x, float* y, std::int64_t count) const;
  /// dx = dy·f', where f' is taken at the outputs `at` = y, or at the inputs x if derivative_of_input(). dx may be dy.
  virtual void differentiate(const float* at, const float* dy, float* dx, std::int64_t count) const;
  virtual bool derivative_of_input() const { return false; }

  virtual std::optional<tensor::FunctionOf> vendor_function() const { return {}; }
  virtual bool is_identity() const { return false; }

  /// False where errors pass by a rule of their own, on purpose.
  virtual bool has_true_derivative() const { return true; }

  /// Errors: invalid_argument where it cannot take numbers of this shape.
  virtual void check(const tensor::Shape& in) const { static_cast<void>(in); }

  /// True where neon takes the derivative as 1, so that it means something to miss the partner.
  virtual bool is_shortcut() const { return false; }

  /// Emit the steps of a function of a whole row. `backward` is the product of diff_dst with the whole Jacobian.
  virtual Value forward(Lowering& lowering, const Value& src, const std::string& name) const;
  virtual Value backward(Lowering& lowering, const Value& y, const Value& diff_dst, const std::string& name) const;

  /// Adds f(x) in ONNX's words (neon/onnx_nodes.h), x being what the layer takes. Returns its name; an empty one when
  /// ONNX has no words for it.
  virtual std::string onnx(OnnxNodes& nodes, const std::string& x) const {
    return static_cast<void>(nodes), static_cast<void>(x), std::string();
  }

  /// In double, row by row: the oracle of the tests. reference_backward turns dy into dx in place, by the true
  /// derivative.
  virtual void reference_forward(std::span<double> row) const = 0;
  virtual void reference_backward(std::span<const double> x, std::span<const double> y, std::span<double> dy) const = 0;
};

/// An activation that a layer's steps do as well.
struct Following {
  std::shared_ptr<const Transform> transform;
  bool takes_shortcut = false;  ///< the cost's gradient contains the derivative already; see Group::takes_shortcut
};

}  // namespace neon

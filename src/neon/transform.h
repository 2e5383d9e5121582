#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tensor/kernel.h"

namespace neon {

class Booking;
struct Value;

/// An activation that treats every number alike.
struct ElementWise {
  bool identity = false;
  tensor::FunctionOf function;
  bool takes_shortcut = false;  ///< the cost's gradient contains the derivative already; see Group::takes_shortcut
};

/// An activation function; neon's word. The derivative is a function of the output. Source: neon 2.6, "Activations".
/// neon takes the derivative of Softmax and of Logistic(shortcut) as 1 wherever they stand. That is right only before
/// the cost whose gradient contains the real derivative (Cost::shortcut_activation), and only there a plan does so.
class Transform {
 public:
  static constexpr std::string_view kKind = "activation";
  virtual ~Transform() = default;

  /// What can be joined to the product before it; empty for functions of a whole row.
  virtual std::optional<ElementWise> element_wise() const { return {}; }

  /// True where neon takes the derivative as 1, so that it means something to miss the partner.
  virtual bool is_shortcut() const { return false; }

  /// Emit the steps of a function of a whole row; element-wise ones need no own. `backward` is the product of diff_dst
  /// with the whole Jacobian.
  virtual Value forward(Booking& booking, const Value& src, const std::string& name) const;
  virtual Value backward(Booking& booking, const Value& y, const Value& diff_dst, const std::string& name) const;

  /// In double, row by row: the oracle of the tests. reference_backward turns dy into dx in place, by the true
  /// derivative.
  virtual void reference_forward(std::span<double> row) const = 0;
  virtual void reference_backward(std::span<const double> y, std::span<double> dy) const = 0;
};

}  // namespace neon

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
  bool derivative_is_one = false;  ///< the short cut that belongs with a cost whose gradient is y - t
};

/// An activation function; neon's word. The derivative is a function of the output. Source: neon 2.6, "Activations".
class Transform {
 public:
  static constexpr std::string_view kKind = "activation";
  virtual ~Transform() = default;

  /// What can be joined to the product before it; empty for functions of a whole row.
  virtual std::optional<ElementWise> element_wise() const { return {}; }

  /// False for short cuts, whose backward pass is right only together with a certain cost.
  virtual bool derivative_is_exact() const { return true; }

  /// Emits the forward step of a function of a whole row; element-wise ones need no own.
  virtual Value forward(Booking& booking, const Value& src, const std::string& name) const;

  /// In double, row by row: the oracle of the tests. reference_backward turns dy into dx in place.
  virtual void reference_forward(std::span<double> row) const = 0;
  virtual void reference_backward(std::span<const double> y, std::span<double> dy) const = 0;
};

}  // namespace neon

#pragma once
// The shelf of what is read: one file per operator, or for those that are nearly alike, in operators/. Each registers
// itself; docs/reference/onnx.md is made of it.
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "neon/onnx.h"

namespace neon {

class OnnxOperation;

/// An attribute that is understood; with `only`, in this one value.
struct OnnxSetting {
  std::string_view name;
  std::optional<std::int64_t> only = {};
};

struct OnnxOperator {
  std::string_view op;       ///< in the standard's words, "Conv"
  std::string_view becomes;  ///< for people: layers, or what is done instead
  std::string_view refused;  ///< for people: what of it cannot be taken over; may be empty
  std::vector<OnnxSetting> settings;
  void (*read)(OnnxOperation& operation);
};

/// By name.
const std::map<std::string_view, OnnxOperator>& onnx_operators();

struct OnOnnxShelf {
  explicit OnOnnxShelf(OnnxOperator member);
};

}  // namespace neon

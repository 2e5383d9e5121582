#pragma once
#include <cmath>

#include "neon/onnx.h"

namespace neon {

/// "operator 'Conv' (node 'conv1')", for errors.
std::string text_of(const OnnxNode& node);

/// Errors: always, invalid_argument naming the node.
[[noreturn]] void refuse(const OnnxNode& node, const std::string& why);

/// Reads the settings of one operator.
class OnnxAttributes {
 public:
  explicit OnnxAttributes(const OnnxNode& node) : node_(node) {}

  std::int64_t integer(const std::string& name, std::int64_t when_absent) {
    return get<std::int64_t>(name, when_absent);
  }
  float number(const std::string& name, float when_absent) {
    const float value = get<float>(name, when_absent);
    if (!std::isfinite(value)) refuse(node_, fmt::format("{} is not a finite number", name));
    return value;
  }
  std::string word(const std::string& name, const std::string& when_absent) {
    return get<std::string>(name, when_absent);
  }
  bool has(const std::string& name) const { return node_.attributes.contains(name); }
  std::vector<float> numbers(const std::string& name) { return get<std::vector<float>>(name, {}); }
  std::vector<std::string> words(const std::string& name) { return get<std::vector<std::string>>(name, {}); }
  std::vector<std::int64_t> list(const std::string& name, const std::vector<std::int64_t>& when_absent) {
    return get<std::vector<std::int64_t>>(name, when_absent);
  }
  OnnxTensor tensor(const std::string& name) { return get<OnnxTensor>(name, {}); }

  /// The only value that means something here. Errors: invalid_argument naming both.
  void must_be(const std::string& name, std::int64_t value) {
    if (const std::int64_t is = integer(name, value); is != value)
      refuse(node_, fmt::format("{} must be {}, got {}", name, value, is));
  }

 private:
  template <class T>
  T get(const std::string& name, const T& when_absent) {
    const auto found = node_.attributes.find(name);
    if (found == node_.attributes.end()) return when_absent;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) refuse(node_, fmt::format("the attribute '{}' is of an unexpected kind", name));
    return *value;
  }

  const OnnxNode& node_;
};

}  // namespace neon

#include "neon/onnx_operator.h"

namespace neon {
namespace {

std::map<std::string_view, OnnxOperator>& members() {
  static std::map<std::string_view, OnnxOperator> all;
  return all;
}

}  // namespace

const std::map<std::string_view, OnnxOperator>& onnx_operators() { return members(); }

OnOnnxShelf::OnOnnxShelf(OnnxOperator member) { members()[member.op] = std::move(member); }

}  // namespace neon

#pragma once
#include <string>
#include <string_view>

namespace base {

/// The name that people give a type: "Model" of api::Model, "ModelPage" of api::Page<api::Model>.
template <class T>
std::string type_name() {
  constexpr std::string_view kWord = "T = ";
  std::string_view text = __PRETTY_FUNCTION__;  // "... [with T = api::Page<api::Model>; ...]"
  text.remove_prefix(text.find(kWord) + kWord.size());
  text = text.substr(0, text.find_first_of(";]"));
  std::string name;
  while (true) {  // the innermost argument's name comes first
    const auto open = text.find('<');
    const std::string_view outer = text.substr(0, text.find_first_of("<>,"));
    const auto colon = outer.rfind(':');
    name.insert(0, colon == std::string_view::npos ? outer : outer.substr(colon + 1));
    if (open == std::string_view::npos) return name;
    text.remove_prefix(open + 1);
  }
}

}  // namespace base

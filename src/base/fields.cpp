#include "base/fields.h"

namespace base {

std::string_view kind_word(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "nothing";
    case json::kind::bool_: return "true or false";
    case json::kind::int64:
    case json::kind::uint64: return "a whole number";
    case json::kind::double_: return "a number";
    case json::kind::string: return "a string";
    case json::kind::array: return "a list";
    case json::kind::object: return "a mapping";
  }
  return "a value";
}

void fail_expected(std::string_view expected, const json::value& came, std::string_view where) {
  std::string shown = to_text(came);
  if (shown.size() > 60) shown = shown.substr(0, 57) + "...";
  std::string_view last = where.substr(where.rfind('/') == std::string_view::npos ? 0 : where.rfind('/') + 1);
  throw Error(
      Code::invalid_argument,
      fmt::format("{}{}expected {}, got {} ({})", last, last.empty() ? "" : ": ", expected, shown, kind_word(came)),
      std::string(where));
}

}  // namespace base

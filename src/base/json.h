#pragma once
#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace base {

namespace json = boost::json;

/// Parses one JSON document. Errors: invalid_argument naming `what`, line and column. Depth is limited to 64.
json::value parse_json(std::string_view text, std::string_view what);

/// The document as text. Numbers are written as people write them (1.0, 0.001) and read back to the same bits;
/// `indent` 0 gives one line.
std::string to_text(const json::value& value, int indent = 0);

/// A double as the shortest text that reads back to the same bits; "1.0" for whole numbers.
std::string to_text(double value);

/// `pointer` extended by one step, escaped as RFC 6901 says.
std::string pointer_to(std::string_view pointer, std::string_view key);
std::string pointer_to(std::string_view pointer, std::size_t index);

}  // namespace base

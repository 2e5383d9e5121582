#include "base/json.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/utf8.h"

namespace base {
namespace {

void write(std::string& out, const json::value& value, int indent, int depth);

void write_string(std::string& out, std::string_view text) {
  if (!is_utf8(text)) return write_string(out, to_utf8(text));  // whatever came, what goes out can be read
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

void new_line(std::string& out, int indent, int depth) {
  if (indent == 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent * depth), ' ');
}

void write_array(std::string& out, const json::array& array, int indent, int depth) {
  out += '[';
  bool first = true;
  for (const json::value& item : array) {
    if (!first) out += ',';
    first = false;
    new_line(out, indent, depth + 1);
    write(out, item, indent, depth + 1);
  }
  if (!first) new_line(out, indent, depth);
  out += ']';
}

void write_object(std::string& out, const json::object& object, int indent, int depth) {
  out += '{';
  bool first = true;
  for (const auto& member : object) {
    if (!first) out += ',';
    first = false;
    new_line(out, indent, depth + 1);
    write_string(out, member.key());
    out += indent == 0 ? ":" : ": ";
    write(out, member.value(), indent, depth + 1);
  }
  if (!first) new_line(out, indent, depth);
  out += '}';
}

void write(std::string& out, const json::value& value, int indent, int depth) {
  switch (value.kind()) {
    case json::kind::null: out += "null"; break;
    case json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
    case json::kind::int64: out += std::to_string(value.get_int64()); break;
    case json::kind::uint64: out += std::to_string(value.get_uint64()); break;
    case json::kind::double_: out += to_text(value.get_double()); break;
    case json::kind::string: write_string(out, value.get_string()); break;
    case json::kind::array: write_array(out, value.get_array(), indent, depth); break;
    case json::kind::object: write_object(out, value.get_object(), indent, depth); break;
  }
}

}  // namespace

std::string to_text(const json::value& value, int indent) {
  std::string out;
  write(out, value, indent, 0);
  return out;
}

std::string to_text(double value) {
  if (!std::isfinite(value)) return "null";  // JSON has no word for it
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, result.ptr);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string pointer_to(std::string_view pointer, std::string_view key) {
  std::string out(pointer);
  out += '/';
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string pointer_to(std::string_view pointer, std::size_t index) { return fmt::format("{}/{}", pointer, index); }

}  // namespace base

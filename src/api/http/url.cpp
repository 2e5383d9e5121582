#include "api/http/url.h"

#include <arpa/inet.h>

#include "api/http/words.h"
#include "api/problem.h"
#include "base/utf8.h"

namespace api {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

StatusError bad_address(std::string_view what) {
  return StatusError(400, base::Code::invalid_argument, fmt::format("the request's address has {}", what));
}

}  // namespace

std::string decode_percent(std::string_view text, bool form) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) throw bad_address("a '%' that is not followed by two hex digits");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += form && text[i] == '+' ? ' ' : text[i];
    }
  }
  if (out.find('\0') != std::string::npos) throw bad_address("a NUL");
  if (!base::is_utf8(out)) throw bad_address("bytes that are not UTF-8");
  return out;
}

std::string encode_percent(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> result;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    result.emplace_back(decode_percent(part.substr(0, equals), true), decode_percent(value, true));
  }
  return result;
}

std::string host_name(std::string_view text) {
  std::string_view name;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return {};
    name = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const auto colon = text.find(':');
    name = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (!rest.empty() &&
      (rest.front() != ':' || rest.size() > 6 || rest.find_first_not_of("0123456789", 1) != std::string_view::npos))
    return {};
  if (name.ends_with('.')) name.remove_suffix(1);  // of a name that is complete as it is
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~%:").find(c) != std::string_view::npos;
  });
  return plain ? lower_case(name) : std::string();
}

bool is_ip_address(std::string_view name) {
  const std::string text(name);
  unsigned char bytes[16];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

bool is_loopback_name(std::string_view name) {
  if (name == "localhost" || name == "::1") return true;
  return name.starts_with("127.") && is_ip_address(name);
}

}  // namespace api

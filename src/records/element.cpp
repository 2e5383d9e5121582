// From what a manifest says to the bytes it stands for.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/base64.h"
#include "base/error.h"
#include "base/fields.h"
#include "base/files.h"
#include "base/log.h"
#include "records/manifest.h"

namespace records {
namespace {

using base::Code;
using base::Error;

std::string line_of(const Manifest& manifest, std::int64_t record) {
  return fmt::format("{}:{}", manifest.file.filename().string(),
                     manifest.line_numbers[static_cast<std::size_t>(record)]);
}

template <class Number>
std::string four_bytes(std::string_view text, std::string_view expected) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool good = error == std::errc{} && end == text.data() + text.size();
  if constexpr (std::is_floating_point_v<Number>) good = good && std::isfinite(number);
  if (!good)
    throw Error(Code::invalid_argument, fmt::format("expected {}, got '{}'", expected, base::printable(text, 80)));
  std::uint32_t bits;
  static_assert(sizeof number == sizeof bits);
  std::memcpy(&bits, &number, sizeof bits);
  std::string bytes(4, '\0');
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(bits >> 8 * i & 0xFF);
  return bytes;
}

// Names that other systems understand are ordinary characters here.
std::string_view hint_for(std::string_view element) {
  if (element.find('\\') != element.npos) return "; folders are separated by '/'";
  if (element.starts_with("~/")) return "; '~' stands for no folder here";
  return "";
}

std::string file_bytes(const Manifest& manifest, std::int64_t record, std::size_t column, const Root& root) {
  const std::string_view element = manifest.element(record, column);
  if (element.empty())
    throw Error(Code::invalid_argument,
                fmt::format("{}: column {} names no file", line_of(manifest, record), column + 1));
  try {
    return base::read_file(root.open(element), root.path_of(element), kMaxElementBytes);
  } catch (Error& error) {
    const std::string line = line_of(manifest, record);
    if (error.code == Code::not_found)
      error.message = fmt::format("{}: no such file ({}); looked for '{}'{}", element, line,
                                  root.path_of(element).string(), hint_for(element));
    else
      error.message = fmt::format("{}: {} ({})", element, error.message, line);
    throw;
  }
}

}  // namespace

Root::Root(const Manifest& manifest, const std::filesystem::path& folder, Reach reach)
    : folder_(folder.empty() ? manifest.file.parent_path() : folder) {
  if (reach == Reach::everywhere) return;
  std::error_code failure;
  prefix_ = std::filesystem::canonical(folder_.empty() ? "." : folder_, failure).string();
  if (failure) throw base::system_error(fmt::format("cannot open folder '{}'", folder_.string()), failure.value());
  if (!prefix_.ends_with('/')) prefix_ += '/';
}

std::filesystem::path Root::path_of(const std::filesystem::path& name) const {
  return name.is_absolute() ? name : folder_ / name;
}

// Finding out takes longer than opening a file, so it is done once for each folder.
bool Root::lies_within(const std::filesystem::path& folder) const {
  if (within_.contains(folder.native())) return true;
  std::error_code failure;
  const std::string real = std::filesystem::canonical(folder.empty() ? "." : folder, failure).string() + '/';
  if (failure || !real.starts_with(prefix_)) return false;
  within_.insert(folder.native());
  return true;
}

base::Fd Root::open(const std::filesystem::path& name) const {
  const std::filesystem::path path = path_of(name);
  if (prefix_.empty()) return base::open_for_reading(path);
  if (lies_within(path.parent_path()))
    if (auto file = base::open_unless_link(path)) return std::move(*file);
  // A link, or a folder elsewhere: the open file is asked and not its name.
  base::Fd file = base::open_for_reading(path);
  const std::string real = base::real_path(file).string();
  if (!real.starts_with(prefix_))
    throw Error(
        Code::invalid_argument,
        fmt::format("it is '{}', outside of '{}'; with --allow-outside-root it is taken all the same", real, prefix_));
  return file;
}

std::string element_bytes(const Manifest& manifest, std::int64_t record, std::size_t column, const Root& root) {
  const ElementType type = manifest.types[column];
  if (type == ElementType::FILE) return file_bytes(manifest, record, column, root);
  const std::string_view text = manifest.element(record, column);
  try {
    switch (type) {
      case ElementType::BINARY: return base::from_base64(text);
      case ElementType::ASCII_INT:
        return four_bytes<std::int32_t>(text, "a whole number from -2147483648 to 2147483647");
      case ElementType::ASCII_FLOAT: return four_bytes<float>(text, "a number");
      default: return std::string(text);
    }
  } catch (Error& error) {
    error.message =
        fmt::format("{}: column {} ({}): {}", line_of(manifest, record), column + 1, base::word(type), error.message);
    throw;
  }
}

}  // namespace records

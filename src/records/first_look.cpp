#include "records/first_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "records/image_formats.h"

namespace records {
namespace {

using base::Code;
using base::Error;

bool is_called_an_image(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == name.npos) return false;
  std::string ending(name.substr(dot));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  constexpr std::array<std::string_view, 8> kImages{".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"};
  return std::find(kImages.begin(), kImages.end(), ending) != kImages.end();
}

void check_image(std::string_view bytes) {
  if (bytes.empty()) throw Error(Code::invalid_argument, "an image of 0 bytes");
  if (image_format_of(bytes) == nullptr) throw Error(Code::invalid_argument, not_an_image());
}

void check_label(ElementType type, std::string_view bytes, std::size_t label_count) {
  std::int32_t label = 0;
  if (type == ElementType::STRING) {
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), label);
    if (error != std::errc{} || end != bytes.data() + bytes.size())
      throw Error(Code::invalid_argument,
                  fmt::format("label: expected the index of a class, a whole number from 0, got '{}'",
                              base::printable(bytes.substr(0, 80))));
  } else if (bytes.size() == sizeof label) {
    std::memcpy(&label, bytes.data(), sizeof label);
  }
  if (label < 0 || static_cast<std::size_t>(label) >= label_count)
    throw Error(Code::invalid_argument,
                fmt::format("label {} is out of range: there are {} classes, counted from 0, so the highest is {}",
                            label, label_count, label_count - 1));
}

}  // namespace

FirstLook::FirstLook(const Manifest& manifest, std::size_t label_count) : label_count_(label_count) {
  if (label_count == 0) return;
  int columns = 0;
  for (std::size_t column = 0; column < manifest.types.size(); ++column) {
    const ElementType type = manifest.types[column];
    if (type != ElementType::STRING && type != ElementType::ASCII_INT) continue;
    label_column_ = static_cast<int>(column);
    ++columns;
  }
  if (columns != 1) label_column_ = -1;  // which is the label is not known here
}

void FirstLook::check(const Manifest& manifest, std::int64_t record, std::span<const std::string> elements) const {
  try {
    for (std::size_t column = 0; column < elements.size(); ++column) {
      if (manifest.types[column] == ElementType::FILE && is_called_an_image(manifest.element(record, column)))
        check_image(elements[column]);
      if (static_cast<int>(column) == label_column_)
        check_label(manifest.types[column], elements[column], label_count_);
    }
  } catch (Error& error) {
    error.message = fmt::format("{}: {}", record_name(manifest, record), error.message);
    throw;
  }
}

}  // namespace records

#include "records/image_formats.h"

#include <fmt/format.h>

#include <algorithm>

namespace records {

const ImageFormat* image_format_of(std::string_view bytes) {
  const auto found = std::find_if(kImageFormats.begin(), kImageFormats.end(),
                                  [&](const ImageFormat& format) { return format.may_be(bytes); });
  return found == kImageFormats.end() ? nullptr : &*found;
}

std::string not_an_image() {
  std::string names;
  std::string_view last;
  for (const ImageFormat& format : kImageFormats) {
    if (format.name == last) continue;
    if (!last.empty()) names += names.empty() ? std::string(last) : fmt::format(", {}", last);
    last = format.name;
  }
  return fmt::format("not an image: neither {} nor {}", names, last);
}

}  // namespace records

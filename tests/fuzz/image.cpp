#include "aeon/extract/image_decoder.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("image", [](std::string_view bytes) {
  if (bytes.empty()) return;
  aeon::Decoded decoded;
  aeon::decode_image(bytes.substr(1), bytes.front() % 2 == 0 ? 1 : 3, decoded);
});

}  // namespace

#include "aeon/extract/sound.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("sound", [](std::string_view bytes) {
  if (bytes.empty()) return;
  std::vector<std::int16_t> samples;
  aeon::decode_sound(bytes.substr(1), {bytes.front() % 2 == 0 ? 16'000 : 22'050, 4'000}, nullptr, samples);
});

}  // namespace

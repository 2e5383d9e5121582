#include "neon/checkpoint.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("checkpoint", [](std::string_view bytes) {
  const fuzz::FileOf file(bytes);
  neon::read_checkpoint(file.path());
});

}  // namespace

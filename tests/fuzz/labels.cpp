#include "job/data.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("labels", [](std::string_view bytes) {
  const fuzz::FileOf file(bytes);
  job::read_labels(file.path());
});

}  // namespace

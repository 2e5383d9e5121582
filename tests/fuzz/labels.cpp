#include "records/labels.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("labels", [](std::string_view bytes) { records::parse_labels(bytes, "labels.txt"); });

}  // namespace

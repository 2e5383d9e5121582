#include "base/fields.h"
#include "job/events.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("job_event", [](std::string_view bytes) {
  const auto event = base::decode<job::Event>(base::parse_json(bytes, "event"));
  base::to_text(base::encode(event));
});

}  // namespace

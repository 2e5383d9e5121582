#include "base/fields.h"
#include "tests/fuzz/fuzz.h"
#include "wire/event.h"

namespace {

const fuzz::Target registered("job_event", [](std::string_view bytes) {
  const auto event = base::decode<wire::Event>(base::parse_json(bytes, "event"));
  base::to_text(base::encode(event));
});

}  // namespace

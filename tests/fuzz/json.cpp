#include "base/json.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("json", [](std::string_view bytes) {
  const base::json::value value = base::parse_json(bytes, "input");
  const std::string text = base::to_text(value);
  fuzz::must(base::to_text(base::parse_json(text, "text")) == text, "what is written reads back");
});

}  // namespace

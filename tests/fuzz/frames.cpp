#include "job/frames.h"
#include "base/error.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("frames", [](std::string_view bytes) {
  const fuzz::FileOf stream(bytes);
  job::FrameReader reader;
  while (reader.fill(stream.fd())) {
    while (const auto payload = reader.next()) {
      try {
        job::parse_request(*payload);
      } catch (const base::Error&) {  // too short for one
      }
      job::parse_answer(*payload);
    }
  }
});

}  // namespace

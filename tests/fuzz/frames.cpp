#include "wire/frames.h"

#include <sys/socket.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/fuzz/fuzz.h"

namespace {

// The end of a socket that gives `bytes`, as many as it holds, and then ends.
base::Fd stream_of(std::string_view bytes) {
  int ends[2];
  fuzz::must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a socket can be made");
  const base::Fd from(ends[0]);
  for (ssize_t sent = 0; !bytes.empty() && sent >= 0;
       bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0))))
    sent = ::send(from.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return base::Fd(ends[1]);
}

const fuzz::Target registered("frames", [](std::string_view bytes) {
  const base::Fd stream = stream_of(bytes);
  wire::FrameReader reader;
  while (reader.fill(stream.get())) {
    while (const auto payload = reader.next()) {
      try {
        wire::parse_request(*payload);
      } catch (const base::Error&) {  // too short for one
      }
      wire::parse_answer(*payload);
    }
  }
});

}  // namespace

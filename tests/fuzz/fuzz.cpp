#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace fuzz {

std::map<std::string_view, Parser>& targets() {
  static std::map<std::string_view, Parser> all;
  return all;
}

void feed(Parser parser, std::string_view bytes) {
  try {
    parser(bytes);
  } catch (const base::Error& error) {
    must(error.public_message.empty(), error.message);  // the system failed, and the parser has not seen the bytes
  }
}

FileOf::FileOf(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    must(written > 0, "a file in memory can be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(fd_, 0, SEEK_SET);
}

FileOf::~FileOf() { ::close(fd_); }

std::filesystem::path FileOf::path() const { return "/proc/self/fd/" + std::to_string(fd_); }

void must(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace fuzz

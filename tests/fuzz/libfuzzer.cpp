// libFuzzer's way in: FUZZ_TARGET in the environment says which parser.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Parser parser = [] {
    const char* name = std::getenv("FUZZ_TARGET");
    fuzz::must(name != nullptr && fuzz::targets().contains(name), "FUZZ_TARGET names a target");
    return fuzz::targets().at(name);
  }();
  fuzz::feed(parser, {reinterpret_cast<const char*>(data), size});
  return 0;
}

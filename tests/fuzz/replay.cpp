// Feeds the corpus to the parsers: replay CORPUS_FOLDER, which has a folder for each target.
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/caught.h"
#include "base/files.h"
#include "tests/fuzz/fuzz.h"

namespace {

/// Whole, and cut off at some places: most faults of parsers are seen there.
int replay(fuzz::Parser parser, const std::filesystem::path& folder) {
  int inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string bytes = base::read_file(entry.path());
    const std::size_t step = bytes.size() / 16 + 1;
    for (std::size_t size = 0; size < bytes.size(); size += step)
      fuzz::feed(parser, std::string(bytes, 0, size));  // a copy, so that a sanitizer sees its end
    fuzz::feed(parser, bytes);
    ++inputs;
  }
  return inputs;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: replay CORPUS_FOLDER\n");
    return 2;
  }
  for (const auto& [name, parser] : fuzz::targets()) {
    try {
      const int inputs = replay(parser, std::filesystem::path(argv[1]) / name);
      std::printf("%-12s %d inputs\n", std::string(name).c_str(), inputs);
      if (inputs > 0) continue;
      std::fprintf(stderr, "%s has no corpus\n", std::string(name).c_str());
    } catch (...) {
      std::fprintf(stderr, "%s: %s\n", std::string(name).c_str(), base::caught().what());
    }
    return 1;
  }
  return 0;
}

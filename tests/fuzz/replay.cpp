// Feeds the corpus to the parsers: replay CORPUS_FOLDER [MUTATIONS] [TARGET...]. The folder has one for each target.
// Each input is fed whole, cut off at every byte, with every byte changed, and then as the seed of so many mutations
// (2000), the same ones in every run.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/caught.h"
#include "base/files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutation.h"

namespace {

// An input of a few KiB has no right to more. A parser that books what an input claims ends as a finding.
constexpr rlim_t kMostMemory = rlim_t{1} << 30;

std::string last_input;  ///< for the report of a finding

void feed(fuzz::Parser parser, std::string bytes) {
  last_input = std::move(bytes);
  fuzz::feed(parser, last_input);
}

void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they book terabytes of addresses
  const rlimit limit{kMostMemory, kMostMemory};
  fuzz::must(::setrlimit(RLIMIT_AS, &limit) == 0, "memory can be limited");
#endif
}

std::vector<std::string> inputs_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // so that runs are alike
  std::vector<std::string> inputs;
  for (const auto& file : files) inputs.push_back(base::read_file(file));
  return inputs;
}

void replay(fuzz::Parser parser, const std::vector<std::string>& inputs, std::int64_t mutations) {
  for (const std::string& input : inputs) {
    feed(parser, input);
    fuzz::for_each_damage(input, [&](std::string bytes) { feed(parser, std::move(bytes)); });
  }
  base::Random random(1, 0);
  for (std::int64_t i = 0; i < mutations; ++i)
    feed(parser, fuzz::mutated(inputs[static_cast<std::size_t>(i) % inputs.size()], inputs[random.below(inputs.size())],
                               random));
}

/// What must not be known before the end: a crash leaves the input here.
void keep_last_input() {
  if (std::FILE* file = std::fopen("fuzz_finding", "wb")) {
    std::fwrite(last_input.data(), 1, last_input.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the input is in fuzz_finding\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: replay CORPUS_FOLDER [MUTATIONS] [TARGET...]\n");
    return 2;
  }
  const std::int64_t mutations = argc > 2 ? std::atoll(argv[2]) : 3000;
  const std::vector<std::string_view> wanted(argv + std::min(argc, 3), argv + argc);
  limit_memory();
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS})
    std::signal(signal, [](int which) {
      std::signal(which, SIG_DFL);
      keep_last_input();
      std::raise(which);
    });
  for (const auto& [name, parser] : fuzz::targets()) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    const auto start = std::chrono::steady_clock::now();
    try {
      const std::vector<std::string> inputs = inputs_of(std::filesystem::path(argv[1]) / name);
      if (inputs.empty()) {
        std::fprintf(stderr, "%s has no corpus\n", std::string(name).c_str());
        return 1;
      }
      replay(parser, inputs, mutations);
      std::printf("%-16s %zu inputs, %.1f s\n", std::string(name).c_str(), inputs.size(),
                  std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    } catch (...) {
      std::fprintf(stderr, "%s: %s\n", std::string(name).c_str(), base::caught().what());
      keep_last_input();
      return 1;
    }
  }
  return 0;
}

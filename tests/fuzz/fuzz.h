#pragma once
// Parsers of bytes that come from outside, each as a function of those bytes. Two programs are made of them: `replay`,
// an ordinary test that feeds the checked-in corpus, and `fuzz` (make fuzz), where libFuzzer makes up the bytes.
#include <filesystem>
#include <map>
#include <string_view>

namespace fuzz {

/// A parser may refuse by a base::Error. Anything else that it throws, reads beside its bytes or overflows is a
/// finding.
using Parser = void (*)(std::string_view bytes);

std::map<std::string_view, Parser>& targets();

/// `const Target registered("json", [](std::string_view bytes) { ... });` in a file of its own.
struct Target {
  Target(std::string_view name, Parser parser) { targets()[name] = parser; }
};

/// Calls the parser; a refusal is as good as an answer.
void feed(Parser parser, std::string_view bytes);

/// A file that holds `bytes`, for parsers that read files. It lives in memory, until the object ends.
class FileOf {
 public:
  explicit FileOf(std::string_view bytes);
  ~FileOf();
  FileOf(const FileOf&) = delete;
  FileOf& operator=(const FileOf&) = delete;
  int fd() const { return fd_; }
  std::filesystem::path path() const;

 private:
  int fd_;
};

/// Ends the process with a report when something that must hold does not.
void must(bool holds, std::string_view what);

}  // namespace fuzz

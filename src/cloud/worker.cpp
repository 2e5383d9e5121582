#include "cloud/worker.h"

#include <fmt/format.h>

#include <cstring>

namespace cloud {

std::string JobEnd::text() const {
  std::string text =
      signal != 0 ? fmt::format("signal {} ({})", signal, ::strsignal(signal)) : fmt::format("exit code {}", exit_code);
  if (out_of_memory) text += ", over its memory limit";
  if (!last_words.empty()) text += ": " + last_words;
  return text;
}

}  // namespace cloud

#include "neon/faults.h"

#include <fmt/format.h>

#include <algorithm>

#include "neon/spec.h"

namespace neon {

void Faults::add(const base::Error& error) {
  const bool known = std::any_of(errors_.begin(), errors_.end(), [&](const base::Error& other) {
    return other.where == error.where && other.message == error.message;
  });
  if (!known) errors_.push_back(error);
}

void Faults::raise(const ModelSpec& spec) const {
  if (errors_.empty()) return;
  if (errors_.size() == 1) throw located(errors_.front(), spec);
  std::vector<std::pair<int, std::string>> lines;
  for (const base::Error& error : errors_)
    lines.emplace_back(line_of(error.where, spec).value_or(0), located(error, spec).message);
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string message;
  for (const auto& [line, text] : lines) message += (message.empty() ? "" : "; also: ") + text;
  throw base::Error(errors_.front().code, message, errors_.front().where);
}

}  // namespace neon

#include "records/labels.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace records {
namespace {

constexpr std::size_t kLimitBytes = std::size_t{8} << 20;

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == line.npos; }

}  // namespace

std::vector<std::string> parse_labels(std::string_view bytes, std::string_view name) {
  std::vector<std::string> labels;
  base::for_each_line(base::text_of(bytes, name),
                      [&](std::string_view line, std::int64_t) { labels.emplace_back(line); });
  while (!labels.empty() && is_blank(labels.back())) labels.pop_back();
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (is_blank(labels[i]))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("{}:{}: a blank line where the name of class {} should be", name, i + 1, i));
  return labels;
}

std::vector<std::string> read_labels(const std::filesystem::path& file) {
  return parse_labels(base::read_file(file, kLimitBytes), file.string());
}

}  // namespace records

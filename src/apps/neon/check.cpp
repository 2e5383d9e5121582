#include "apps/neon/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "aeon/check.h"
#include "base/error.h"
#include "base/log.h"
#include "job/check.h"
#include "records/labels.h"
#include "records/source.h"

namespace {

/// What a model file makes of the records; nothing without one.
std::optional<aeon::LoaderConfig> loader_of(const std::string& model_file) {
  if (model_file.empty()) return {};
  return job::dataset_section(job::read_model(model_file)).loader;
}

}  // namespace

int check_data(const Options& options) {
  const auto source = records::open_manifest(records::read_manifest(options.check), options.root);
  const std::size_t labels = options.labels.empty() ? 0 : records::read_labels(options.labels).size();
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const std::int64_t faults = aeon::check_records(
      *source, static_cast<std::int64_t>(labels), threads,
      [](const std::string& fault) { fmt::print(stderr, "{}\n", base::printable(fault)); },
      loader_of(options.model_file));
  if (faults == 0) {
    fmt::print(stderr, "{} records, all good\n", source->record_count());
    return 0;
  }
  fmt::print(stderr, "{} of {} records have faults\n", faults, source->record_count());
  return base::kind_of(base::Code::invalid_argument).exit_code;
}

#pragma once
#include <functional>
#include <optional>

#include "aeon/config.h"
#include "records/source.h"

namespace aeon {

/// What is wrong with one record.
using ReportFault = std::function<void(const std::string& fault)>;

/// Reads and decodes every record of a source and reports each fault, in the records' order: files that are missing,
/// damaged or do not become what `config` makes of them, and labels that are no index of the `label_count` classes (0:
/// any index will do). Without a configuration FILE and BINARY columns hold images, or sounds
/// when the first of them is one, and the others labels. Returns the
/// number of records with faults. Errors: those of a configuration that does not fit the columns.
std::int64_t check_records(const records::RecordSource& source, std::int64_t label_count, int threads,
                           const ReportFault& report, const std::optional<LoaderConfig>& config = {});

}  // namespace aeon

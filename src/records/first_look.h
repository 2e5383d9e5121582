#pragma once
#include <span>
#include <string>

#include "records/manifest.h"

namespace records {

/// What can be told about a record without decoding it: that files which are called images begin as one, and that the
/// label fits the names of the classes. `label_count` 0: no names are known.
class FirstLook {
 public:
  FirstLook(const Manifest& manifest, std::size_t label_count);

  /// Errors: invalid_argument naming the record.
  void check(const Manifest& manifest, std::int64_t record, std::span<const std::string> elements) const;

 private:
  std::size_t label_count_;
  int label_column_ = -1;  // the only one without files, or none
};

}  // namespace records

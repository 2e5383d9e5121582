#include "records/manifest.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("manifest", [](std::string_view bytes) {
  const records::Manifest manifest = records::parse_manifest(bytes, "/nowhere/manifest.tsv");
  for (std::int64_t record = 0; record < manifest.record_count(); ++record) records::record_name(manifest, record);
});

}  // namespace

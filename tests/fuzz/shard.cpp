#include "records/shard.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("shard", [](std::string_view bytes) {
  const records::ShardReader shard(bytes, "input");
  std::size_t sum = 0;
  for (std::int64_t record = 0; record < shard.record_count(); ++record) {
    sum += shard.name(record).size();
    for (std::size_t column = 0; column < shard.types().size(); ++column) sum += shard.element(record, column).size();
  }
  fuzz::must(sum <= bytes.size(), "records lie in the shard and not over each other");
});

}  // namespace

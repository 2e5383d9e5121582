#include "records/shard.h"

#include <gmock/gmock.h>

#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "records/source.h"

namespace records {
namespace {

using base::Code;
using base::Error;
using ::testing::HasSubstr;

const std::vector<ElementType> kTypes{ElementType::FILE, ElementType::STRING};

std::string small_shard(int first = 0, int count = 3) {
  ShardWriter writer(kTypes);
  for (int i = first; i < first + count; ++i)
    writer.add("f" + std::to_string(i) + " (t.tsv:" + std::to_string(i + 2) + ")",
               std::vector<std::string>{std::string(static_cast<std::size_t>(i), 'x'), std::to_string(i)});
  EXPECT_EQ(writer.record_count(), count);
  const std::size_t expected = writer.size_bytes();
  std::string shard = writer.finish();
  EXPECT_EQ(shard.size(), expected);
  EXPECT_EQ(writer.record_count(), 0);
  return shard;
}

TEST(Shard, ReadsBackWhatWasWritten) {
  const std::string shard = small_shard();
  const ShardReader reader(shard, "s");
  ASSERT_EQ(reader.record_count(), 3);
  EXPECT_EQ(reader.types(), kTypes);
  EXPECT_EQ(reader.name(1), "f1 (t.tsv:3)");
  EXPECT_EQ(reader.element(0, 0), "");
  EXPECT_EQ(reader.element(2, 0), "xx");
  EXPECT_EQ(reader.element(2, 1), "2");
}

TEST(Shard, TheSameRecordsGiveTheSameBytes) { EXPECT_EQ(small_shard(), small_shard()); }

TEST(Shard, TruncationAnywhereIsDataLoss) {
  const std::string shard = small_shard();
  for (std::size_t size = 0; size < shard.size(); ++size) {
    const std::string cut = shard.substr(0, size);  // a copy, so that tools see reads past the end
    try {
      const ShardReader reader(cut, "the shard");
      FAIL() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::data_loss);
      EXPECT_THAT(error.message, HasSubstr("the shard: not a whole shard"));
    }
  }
  EXPECT_THROW(ShardReader(shard + "x", "s"), Error);
}

// Whatever a changed byte does, the reader refuses or every access stays within the bytes.
TEST(Shard, ChangedBytesNeverReachOutside) {
  const std::string shard = small_shard();
  for (std::size_t at = 0; at < shard.size(); ++at)
    for (const int value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      std::string changed = shard;
      changed[at] = static_cast<char>(value);
      try {
        const ShardReader reader(changed, "s");
        std::size_t sum = 0;
        for (std::int64_t r = 0; r < reader.record_count(); ++r)
          sum +=
              reader.name(r).size() + reader.element(r, 0).size() + reader.element(r, reader.types().size() - 1).size();
        EXPECT_LE(sum, changed.size());
      } catch (const Error& error) {
        EXPECT_EQ(error.code, Code::data_loss);
      }
    }
}

TEST(Shard, HugeCountsDoNotOverflow) {
  std::string shard = small_shard();
  for (const std::uint64_t count : {std::uint64_t{1} << 61, ~std::uint64_t{0}, std::uint64_t{0x1555555555555556}}) {
    std::memcpy(shard.data() + 16, &count, sizeof count);
    EXPECT_THROW(ShardReader(shard, "s"), Error);
  }
}

TEST(Shard, ARecordNeedsAllItsElements) {
  ShardWriter writer(kTypes);
  EXPECT_THROW(writer.add("a", std::vector<std::string>{"1"}), Error);
}

TEST(Source, ShardsFollowEachOther) {
  const base::TemporaryFolder folder;
  base::write_file_atomically(folder.path() / "a", small_shard(0, 3));
  base::write_file_atomically(folder.path() / "b", small_shard(3, 2));
  const auto source = open_shards({folder.path() / "a", folder.path() / "b"});
  ASSERT_EQ(source->record_count(), 5);
  Record record;
  for (const int i : {4, 0, 3, 2}) {
    source->read(i, record);
    EXPECT_EQ(record.elements[1], std::to_string(i));
    EXPECT_EQ(record.elements[0].size(), static_cast<std::size_t>(i));
    EXPECT_EQ(record.name, "f" + std::to_string(i) + " (t.tsv:" + std::to_string(i + 2) + ")");
  }
}

TEST(Source, ShardsMustAgree) {
  const base::TemporaryFolder folder;
  base::write_file_atomically(folder.path() / "a", small_shard());
  base::write_file_atomically(folder.path() / "b", ShardWriter({ElementType::FILE}).finish());
  EXPECT_THROW(open_shards({folder.path() / "a", folder.path() / "b"}), Error);
  EXPECT_THROW(open_shards({}), Error);
}

TEST(Source, AManifestReadsItsFiles) {
  const base::TemporaryFolder folder;
  base::write_file_atomically(folder.path() / "a.txt", "one");
  const auto source = open_manifest(parse_manifest("@FILE\tSTRING\na.txt\t7\nb.txt\t8\n", folder.path() / "t.tsv"), {});
  Record record;
  source->read(0, record);
  EXPECT_EQ(record.elements[0], "one");
  EXPECT_EQ(record.elements[1], "7");
  EXPECT_EQ(record.name, "a.txt (t.tsv:2)");
  EXPECT_THROW(source->read(1, record), Error);
}

}  // namespace
}  // namespace records

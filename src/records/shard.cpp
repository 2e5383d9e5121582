#include "records/shard.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "base/error.h"

namespace records {
namespace {

using base::Code;
using base::Error;

static_assert(std::endian::native == std::endian::little, "offsets are read as they are in the file");

// The first byte is no text and the last are changed by transfers as text, so a damaged copy shows at once.
constexpr std::string_view kMagic{"\x89NCS\r\n\x1A\n", 8};
constexpr std::uint32_t kVersion = 1;

// What a shard starts with, in file order.
struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t columns;
  std::uint64_t records;
  std::uint64_t data_bytes;
};
static_assert(sizeof(Header) == 32);

constexpr std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

}  // namespace

ShardWriter::ShardWriter(std::vector<ElementType> types) : types_(std::move(types)) {
  if (types_.empty() || types_.size() > kMaxColumns)
    throw Error(Code::invalid_argument, fmt::format("a shard has 1 to {} columns, not {}", kMaxColumns, types_.size()));
}

void ShardWriter::add(std::string_view name, std::span<const std::string> elements) {
  if (elements.size() != types_.size())
    throw Error(Code::invalid_argument,
                fmt::format("{}: expected {} elements, got {}", name, types_.size(), elements.size()));
  data_ += name;
  ends_.push_back(data_.size());
  for (const std::string& element : elements) {
    data_ += element;
    ends_.push_back(data_.size());
  }
}

std::int64_t ShardWriter::record_count() const { return static_cast<std::int64_t>(ends_.size() / (types_.size() + 1)); }

std::size_t ShardWriter::size_bytes() const {
  return sizeof(Header) + padded(types_.size()) + ends_.size() * sizeof(std::uint64_t) + data_.size();
}

std::string ShardWriter::finish() {
  Header header{};
  std::memcpy(header.magic, kMagic.data(), sizeof header.magic);
  header.version = kVersion;
  header.columns = static_cast<std::uint32_t>(types_.size());
  header.records = static_cast<std::uint64_t>(record_count());
  header.data_bytes = data_.size();
  std::string shard;
  shard.reserve(size_bytes());
  shard.append(reinterpret_cast<const char*>(&header), sizeof header);
  for (const ElementType type : types_) shard.push_back(static_cast<char>(type));
  shard.resize(sizeof header + padded(types_.size()), '\0');
  if (!ends_.empty()) shard.append(reinterpret_cast<const char*>(ends_.data()), ends_.size() * sizeof(std::uint64_t));
  shard += data_;
  ends_.clear();
  data_.clear();
  return shard;
}

ShardReader::ShardReader(std::string_view bytes, std::string_view what) {
  const auto refuse = [&](std::string_view reason) {
    throw Error(Code::data_loss, fmt::format("{}: not a whole shard: {}", what, reason));
  };
  Header header;
  if (bytes.size() < sizeof header)
    refuse(fmt::format("{} bytes, and its header alone has {}", bytes.size(), sizeof header));
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != kMagic) refuse("it does not start with a shard's mark");
  if (header.version != kVersion)
    refuse(fmt::format("version {}, and this program reads version {}", header.version, kVersion));
  if (header.columns == 0 || header.columns > kMaxColumns) refuse(fmt::format("{} columns", header.columns));
  bytes.remove_prefix(sizeof header);

  // Each step compares with what is left, so that no sum or product of foreign numbers can overflow.
  if (padded(header.columns) > bytes.size()) refuse("it ends in its column types");
  for (std::size_t i = 0; i < padded(header.columns); ++i) {
    const auto type = static_cast<unsigned char>(bytes[i]);
    if (i >= header.columns ? type != 0 : type > static_cast<unsigned char>(ElementType::ASCII_FLOAT))
      refuse(fmt::format("column {} has type {}", i + 1, type));
    if (i < header.columns) types_.push_back(static_cast<ElementType>(type));
  }
  bytes.remove_prefix(padded(header.columns));
  const std::uint64_t pieces_per_record = header.columns + 1;
  if (header.records > bytes.size() / (pieces_per_record * sizeof(std::uint64_t)))
    refuse(fmt::format("it ends in the table of its {} records", header.records));
  const std::uint64_t pieces = header.records * pieces_per_record;
  table_ = bytes.substr(0, pieces * sizeof(std::uint64_t));
  data_ = bytes.substr(table_.size());
  if (data_.size() != header.data_bytes)
    refuse(fmt::format("expected {} bytes of data, got {}", header.data_bytes, data_.size()));
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < pieces; ++i) {
    std::uint64_t end;
    std::memcpy(&end, table_.data() + i * sizeof end, sizeof end);
    if (end < last || end > data_.size())
      refuse(fmt::format("record {} has an offset out of order", i / pieces_per_record + 1));
    last = end;
  }
  if (last != data_.size()) refuse(fmt::format("{} bytes of data belong to no record", data_.size() - last));
  record_count_ = static_cast<std::int64_t>(header.records);
}

std::string_view ShardReader::piece(std::int64_t index) const {
  const auto end_of = [&](std::int64_t i) {
    std::uint64_t end;
    std::memcpy(&end, table_.data() + static_cast<std::size_t>(i) * sizeof end, sizeof end);
    return end;
  };
  const std::uint64_t begin = index == 0 ? 0 : end_of(index - 1);
  return data_.substr(begin, end_of(index) - begin);
}

std::string_view ShardReader::name(std::int64_t record) const {
  return piece(record * static_cast<std::int64_t>(types_.size() + 1));
}

std::string_view ShardReader::element(std::int64_t record, std::size_t column) const {
  return piece(record * static_cast<std::int64_t>(types_.size() + 1) + 1 + static_cast<std::int64_t>(column));
}

}  // namespace records

#include "neon/safetensors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/files.h"
#include "base/sha256.h"

namespace neon {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are stored in little-endian order");

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaximumHeaderBytes = 32 << 20;
constexpr std::size_t kMaximumTensors = 100'000;
constexpr std::string_view kBeforeSum = R"({"__metadata__":{"sha256":")";
constexpr std::size_t kSumDigits = 64;

[[noreturn]] void damaged(const std::string& why) { throw base::Error(base::Code::data_loss, why); }

std::string_view bytes_of(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::string length_bytes(std::uint64_t length) {
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes;
}

/// The header with zeros in place of the sum, padded with spaces so that the data begin at a multiple of 8.
template <class Tensors>
std::string header_without_sum(const Metadata& metadata, const Tensors& tensors) {
  std::string header(kBeforeSum);
  header.append(kSumDigits, '0');
  header += '"';
  const auto quoted = [](std::string_view text) { return base::to_text(base::json::value(text)); };
  for (const auto& [key, value] : metadata) header += fmt::format(",{}:{}", quoted(key), quoted(value));
  header += '}';
  std::uint64_t offset = 0;
  for (const auto& tensor : tensors) {
    const std::uint64_t end = offset + 4 * tensor.values.size();
    header += fmt::format(R"(,{}:{{"dtype":"F32","shape":[{}],"data_offsets":[{},{}]}})", quoted(tensor.name),
                          fmt::join(tensor.shape, ","), offset, end);
    offset = end;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

void check(std::span<const TensorView> tensors) {
  if (tensors.size() > kMaximumTensors)
    throw base::Error(base::Code::too_large,
                      fmt::format("{} tensors; a file holds {}", tensors.size(), kMaximumTensors));
  std::set<std::string_view> names{"__metadata__"};
  for (const TensorView& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      throw base::Error(base::Code::invalid_argument, fmt::format("two tensors are named '{}'", tensor.name));
    const auto expected = static_cast<std::size_t>(tensor::element_count(tensor.shape));
    if (tensor.values.size() != expected)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("tensor '{}' of shape {} needs {} values, got {}", tensor.name,
                                    tensor::text(tensor.shape), expected, tensor.values.size()));
  }
}

/// Fills `buffer` from the file. Errors: data_loss when the file ends before.
void read_exactly(const base::Fd& file, std::span<char> buffer) {
  while (!buffer.empty()) {
    const std::size_t got = base::read_some(file, buffer);
    if (got == 0) damaged("it ends too early");
    buffer = buffer.subspan(got);
  }
}

/// Names and shapes from the header, with offsets that tile the data exactly.
TensorFile parse_header(std::string_view header, std::uint64_t data_bytes) {
  const auto document = base::decode<base::json::object>(base::parse_json(header, "the header"));
  if (document.size() > kMaximumTensors + 1) damaged("it lists too many tensors");
  TensorFile result;
  std::uint64_t offset = 0;
  for (const auto& entry : document) {
    const auto& fields = base::decode<base::json::object>(entry.value());
    if (entry.key() == "__metadata__") {
      for (const auto& item : fields) result.metadata.emplace_back(item.key(), base::decode<std::string>(item.value()));
      continue;
    }
    if (fields.size() != 3 || !fields.contains("dtype") || !fields.contains("shape") ||
        !fields.contains("data_offsets") || fields.at("dtype") != "F32")
      damaged(fmt::format("tensor '{}' is not described as F32 with shape and data_offsets",
                          std::string_view(entry.key())));
    NamedTensor tensor{std::string(entry.key()), base::decode<tensor::Shape>(fields.at("shape")), {}};
    const auto bytes = 4 * static_cast<std::uint64_t>(tensor::element_count(tensor.shape));  // under 2^42
    const auto offsets = base::decode<std::array<std::uint64_t, 2>>(fields.at("data_offsets"));
    if (offsets[0] != offset || bytes > data_bytes - offset || offsets[1] != offset + bytes)
      damaged(fmt::format("tensor '{}' does not lie where the one before it ends", tensor.name));
    offset = offsets[1];
    result.tensors.push_back(std::move(tensor));
  }
  if (offset != data_bytes) damaged(fmt::format("its tensors take {} bytes and it has {}", offset, data_bytes));
  return result;
}

TensorFile read_open_file(const base::Fd& file, std::uint64_t file_bytes) {
  std::uint64_t header_bytes = 0;
  read_exactly(file, {reinterpret_cast<char*>(&header_bytes), kLengthBytes});
  if (header_bytes > kMaximumHeaderBytes || header_bytes > file_bytes - kLengthBytes ||
      header_bytes < kBeforeSum.size() + kSumDigits)
    damaged("it does not begin as a checkpoint: it is another kind of file, or damaged");
  std::string header(header_bytes, '\0');
  read_exactly(file, header);
  if (!header.starts_with(kBeforeSum)) damaged("it is not a checkpoint: the header does not begin with a checksum");
  const std::string sum = header.substr(kBeforeSum.size(), kSumDigits);
  header.replace(kBeforeSum.size(), kSumDigits, kSumDigits, '0');

  TensorFile result = parse_header(header, file_bytes - kLengthBytes - header_bytes);
  base::Sha256 sha;
  sha.add(length_bytes(header_bytes));
  sha.add(header);
  for (NamedTensor& tensor : result.tensors) {
    tensor.values.resize(static_cast<std::size_t>(tensor::element_count(tensor.shape)));
    read_exactly(file, {reinterpret_cast<char*>(tensor.values.data()), 4 * tensor.values.size()});
    sha.add(bytes_of(tensor.values));
  }
  if (sha.finish() != sum) damaged("its checksum does not fit its content");
  result.metadata.erase(result.metadata.begin());  // the sum
  // JSON readers keep the last of repeated names; the writer's own text shows that nothing was repeated or passed over.
  if (header_without_sum(result.metadata, result.tensors) != header)
    damaged("its header repeats names or holds other things");
  return result;
}

}  // namespace

void write_safetensors(const Metadata& metadata, std::span<const TensorView> tensors, const base::Fd& file,
                       std::string_view name_in_errors) {
  check(tensors);
  std::string header = header_without_sum(metadata, tensors);
  if (header.size() > kMaximumHeaderBytes)
    throw base::Error(base::Code::too_large, fmt::format("the description of '{}' takes {} bytes; the limit is {}",
                                                         name_in_errors, header.size(), kMaximumHeaderBytes));
  const std::string length = length_bytes(header.size());
  base::Sha256 sha;
  sha.add(length);
  sha.add(header);
  for (const TensorView& tensor : tensors) sha.add(bytes_of(tensor.values));
  header.replace(kBeforeSum.size(), kSumDigits, sha.finish());
  base::write_all(file, length, name_in_errors);
  base::write_all(file, header, name_in_errors);
  for (const TensorView& tensor : tensors) base::write_all(file, bytes_of(tensor.values), name_in_errors);
}

void write_safetensors(const Metadata& metadata, std::span<const TensorView> tensors,
                       const std::filesystem::path& path) {
  const std::filesystem::path temporary = path.string() + ".tmp-" + base::hex(base::random_bytes(6));
  try {
    const base::Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file) throw base::system_error(fmt::format("cannot create '{}'", temporary.string()), errno);
    write_safetensors(metadata, tensors, file, temporary.string());
    base::commit_file(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

TensorFile read_safetensors(const std::filesystem::path& path) {
  const base::Fd file = base::open_for_reading(path);
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    throw base::Error(base::Code::invalid_argument, fmt::format("'{}' is not a file", path.string()));
  try {
    const auto file_bytes = std::filesystem::file_size(path);
    if (file_bytes < kLengthBytes) damaged("it ends too early");
    return read_open_file(file, file_bytes);
  } catch (const base::Error& cause) {
    // Whatever a parser found wrong in a file that this program wrote is damage.
    if (cause.code != base::Code::data_loss && cause.code != base::Code::invalid_argument) throw;
    throw base::Error(base::Code::data_loss, fmt::format("'{}' is damaged: {}", path.string(), cause.message));
  }
}

}  // namespace neon

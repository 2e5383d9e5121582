#include "apps/ncloud/model_file.h"

#include <cstdint>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "records/vocabulary.h"

namespace ncloud {
namespace {

using base::Code;
using base::Error;
using namespace std::string_view_literals;

constexpr std::size_t kLimitBytes = std::size_t{1} << 20;  // as the server takes it

/// Eight bytes with the size of a header, then the header, which is JSON.
bool is_safetensors(std::string_view head) {
  if (head.size() < 9 || head[8] != '{') return false;
  std::uint64_t size = 0;
  for (int i = 7; i >= 0; --i) size = size << 8 | static_cast<unsigned char>(head[static_cast<std::size_t>(i)]);
  return size >= 2 && size < (std::uint64_t{1} << 30);
}

/// What a file with this beginning is, when that is known and no model file.
std::string_view kind_of_file(std::string_view head) {
  struct Kind {
    std::string_view beginning, text;
  };
  constexpr Kind kKinds[] = {{"\x89PNG"sv, "a PNG picture"},
                             {"\xff\xd8\xff"sv, "a JPEG picture"},
                             {"PK\x03\x04"sv, "a ZIP archive (or a PyTorch checkpoint)"},
                             {"\x1f\x8b"sv, "compressed with gzip"},
                             {"\x89HDF"sv, "an HDF5 file"},
                             {"\x80\x02"sv, "a Python pickle"},
                             {"\x80\x04"sv, "a Python pickle"},
                             {"\x7f"
                              "ELF"sv,
                              "a program"},
                             {"\xff\xfe"sv, "text in UTF-16"},
                             {"\xfe\xff"sv, "text in UTF-16"}};
  if (is_safetensors(head)) return "a checkpoint (safetensors)";
  for (const Kind& kind : kKinds)
    if (head.starts_with(kind.beginning)) return kind.text;
  return "";
}

std::string beginning_of(const std::string& file) {
  std::string head(16, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(stream.gcount()));
  return head;
}

[[noreturn]] void refuse(const std::string& file, std::string_view what) {
  throw Error(
      Code::invalid_argument,
      fmt::format("'{}' is {}, not a model file; a training takes the YAML file that describes the network. That "
                  "of a model in the cloud: ncloud model show NUMBER --file",
                  file, what));
}

}  // namespace

std::string read_model_file(const std::string& file, const records::ReadVocabulary& read) {
  std::string text;
  try {
    text = base::read_file(file, kLimitBytes);
  } catch (const Error& error) {
    if (error.code != Code::too_large) throw;
    if (const std::string_view kind = kind_of_file(beginning_of(file)); !kind.empty()) refuse(file, kind);
    throw;
  }
  if (const std::string_view kind = kind_of_file(text); !kind.empty()) refuse(file, kind);
  if (read) return records::with_vocabularies(base::text_of(text, file), file, read);
  return records::with_vocabularies(base::text_of(text, file), std::filesystem::path(file).parent_path(), file);
}

}  // namespace ncloud

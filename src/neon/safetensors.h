#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "neon/checkpoint.h"

namespace neon {

/// Strings of the file's header, in the order in which they are written.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// A tensor to write. `shape` and `values` are borrowed.
struct TensorView {
  std::string name;
  const tensor::Shape& shape;
  std::span<const float> values;
};

struct TensorFile {
  Metadata metadata;
  std::vector<NamedTensor> tensors;
};

/// Files in safetensors layout that any reader of that layout reads, with f32 tensors and one thing added: the metadata
/// begin with a SHA-256 of the whole file. Layout: docs/formats/checkpoint.md.
/// Errors: invalid_argument for names that repeat and values that do not fit; too_large; those of base/files.h.
void write_safetensors(const Metadata& metadata, std::span<const TensorView> tensors,
                       const std::filesystem::path& path);

/// The same bytes into a file that is open for writing, from its beginning; not durable yet.
void write_safetensors(const Metadata& metadata, std::span<const TensorView> tensors, const base::Fd& file,
                       std::string_view name_in_errors);

/// Reads what write_safetensors wrote and nothing else. Memory is booked only for bytes that the file has.
/// Errors: data_loss naming the file; not_found.
TensorFile read_safetensors(const std::filesystem::path& path);

}  // namespace neon

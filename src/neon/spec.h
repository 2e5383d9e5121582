#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "neon/shelf.h"

namespace neon {

/// A model description, whatever door it came through (.yaml file, checkpoint). Grammar: docs/formats/model-yaml.md.
struct ModelSpec {
  std::vector<Part> layers;
  Part cost;
  Part optimizer;
  Part metric;  ///< shown after each evaluation; Misclassification when the file names none
  std::int64_t epochs = 1;
  std::int64_t batch_size = 128;
  std::optional<std::uint64_t> seed;
  base::json::object dataset;  ///< the `dataset:` section; its meaning belongs to the loader

  std::string file;                  ///< name for errors
  std::map<std::string, int> lines;  ///< JSON pointer → line in that file, from 1

  /// As one JSON document (without file and lines), and back. A checkpoint stores this.
  base::json::value to_json() const;
  static ModelSpec from_json(const base::json::value& value);
};

/// Reads a model file's text. Errors: invalid_argument with file name and line.
ModelSpec parse_model(std::string_view yaml, std::string_view file_name);
ModelSpec read_model(const std::filesystem::path& file);

/// `error` with its JSON pointer turned into "(model.yaml:14)" at the end of the message, when the spec knows the line.
base::Error located(const base::Error& error, const ModelSpec& spec);

}  // namespace neon

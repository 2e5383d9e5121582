#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "neon/faults.h"
#include "neon/shelf.h"

namespace neon {

/// A running mean of the weights over the updates; see docs/formats/model-yaml.md.
struct WeightAverage {
  double decay = 0.999;
  bool evaluate = true;
  static constexpr auto fields() {
    using W = WeightAverage;
    return std::tuple(
        base::field("decay", &W::decay, "share of the old mean that is kept at each update, under 1").range(0, 1),
        base::field("evaluate", &W::evaluate,
                    "evaluations, predictions and exported files use it, not the newest weights"));
  }
};

/// A model description, whatever door it came through (.yaml file, checkpoint). Grammar: docs/formats/model-yaml.md.
struct ModelSpec {
  std::vector<Part> layers;
  Part cost;
  Part optimizer;
  Part metric;                  ///< shown after each evaluation; Misclassification when the file names none
  std::vector<Part> callbacks;  ///< what is done between the epochs
  std::int64_t epochs = 1;
  std::int64_t batch_size = 128;
  std::int64_t batches_per_update = 1;
  std::optional<WeightAverage> weight_average;
  std::optional<std::string> start_from;  ///< a checkpoint whose weights the training begins with
  std::vector<std::string> new_layers;    ///< that take none of them
  std::optional<std::uint64_t> seed;
  base::json::object dataset;  ///< the `dataset:` section; its meaning belongs to the loader

  std::string file;                  ///< name for errors
  std::map<std::string, int> lines;  ///< JSON pointer → line in that file, from 1

  /// As one JSON document (without file and lines), and back. A checkpoint stores this.
  base::json::value to_json() const;
  static ModelSpec from_json(const base::json::value& value);
  /// What can be read of it, and the faults of the rest.
  static ModelSpec from_json(const base::json::value& value, Faults& faults);
};

/// What else a caller checks of a model file, so that its faults are told with the others.
using MoreChecks = std::function<void(const ModelSpec&, Faults&)>;

/// Reads a model file's text. Errors: invalid_argument with file name and line, of all faults at once.
ModelSpec parse_model(std::string_view yaml, std::string_view file_name, const MoreChecks& more = {});
ModelSpec read_model(const std::filesystem::path& file, const MoreChecks& more = {});

/// The faults of each layer for itself: names, keys, types, ranges. What the graph finds too, but only the first of
/// them.
void check_layers(const ModelSpec& spec, Faults& faults);

/// The line of a JSON pointer, or of the innermost place around it that the spec knows.
std::optional<int> line_of(std::string_view where, const ModelSpec& spec);

/// `error` with its JSON pointer turned into "(model.yaml:14)" at the end of the message, when the spec knows the line.
base::Error located(const base::Error& error, const ModelSpec& spec);

}  // namespace neon

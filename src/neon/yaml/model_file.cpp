#include "base/files.h"
#include "neon/spec.h"
#include "neon/yaml/document.h"

namespace neon {
namespace {

constexpr std::size_t kLimitBytes = 1 << 20;

/// The words of the file and the fields of the description that they stand for; backend stands for none.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kKeys{
    {{"layers", "layers"},
     {"cost", "cost"},
     {"optimizer", "optimizer"},
     {"metric", "metric"},
     {"callbacks", "callbacks"},
     {"dataset", "dataset"},
     {"epochs", "epochs"},
     {"batchsize", "batch_size"},
     {"batch_size", "batch_size"},
     {"batches_per_update", "batches_per_update"},
     {"weight_average", "weight_average"},
     {"start_from", "start_from"},
     {"new_layers", "new_layers"},
     {"rng_seed", "seed"},
     {"seed", "seed"},
     {"backend", ""}}};

/// neon's words for where to compute. This program has one backend, so that a file for any of neon's runs unchanged.
void check_backend(const base::json::value& value) {
  constexpr std::array<std::string_view, 3> known{"cpu", "mkl", "gpu"};
  const auto word = base::decode<std::string>(value, "/backend");
  if (std::find(known.begin(), known.end(), word) == known.end())
    throw base::Error(base::Code::invalid_argument, base::unknown_word("backend", word, known), "/backend");
}

std::string_view field_named(std::string_view key) {
  for (const auto& [word, field] : kKeys)
    if (word == key) return field;
  std::vector<std::string_view> known;
  for (const auto& [word, field] : kKeys) known.push_back(word);
  throw base::Error(
      base::Code::invalid_argument,
      base::unknown_word("key", key, known) + "; only values with an &anchor may have a name of their own",
      base::pointer_to("", key));
}

/// The description as ModelSpec::from_json takes it: one word for each field, parked anchors left out.
base::json::object canonical(const YamlDocument& document, std::map<std::string, int>& lines, Faults& faults) {
  base::json::object result;
  for (const auto& member : base::decode<base::json::object>(document.value)) {
    const std::string_view key = member.key();
    const std::string pointer = base::pointer_to("", key);
    const bool is_known =
        std::any_of(kKeys.begin(), kKeys.end(), [key](const auto& known) { return known.first == key; });
    if (!is_known && document.anchored.contains(pointer)) continue;
    std::string_view field;
    if (!faults.watch([&] { field = field_named(key); })) continue;
    if (field.empty()) {
      faults.watch([&] { check_backend(member.value()); });
      continue;
    }
    if (result.contains(field)) {
      faults.add({base::Code::invalid_argument, fmt::format("'{}' says {} a second time", key, field), pointer});
      continue;
    }
    result[field] = member.value();
    const auto line = lines.find(pointer);
    if (line != lines.end()) lines.emplace(base::pointer_to("", field), line->second);
  }
  return result;
}

}  // namespace

ModelSpec parse_model(std::string_view yaml, std::string_view file_name, const MoreChecks& more) {
  if (yaml.size() > kLimitBytes)
    throw base::Error(base::Code::too_large,
                      fmt::format("{} has {} bytes; a model file has at most {}", file_name, yaml.size(), kLimitBytes));
  const YamlDocument document = parse_yaml(yaml, file_name);
  ModelSpec places;
  places.file = file_name;
  places.lines = document.lines;
  Faults faults;
  ModelSpec spec;
  faults.watch([&] { spec = ModelSpec::from_json(canonical(document, places.lines, faults), faults); });
  spec.file = std::move(places.file);
  spec.lines = std::move(places.lines);
  if (more) more(spec, faults);
  faults.raise(spec);
  return spec;
}

ModelSpec read_model(const std::filesystem::path& file, const MoreChecks& more) {
  return parse_model(base::read_file(file, kLimitBytes), file.string(), more);
}

}  // namespace neon

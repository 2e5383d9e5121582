#include "job/data.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "records/labels.h"
#include "tensor/arena.h"

namespace job {
namespace {

constexpr std::string_view kSection = "/dataset";

/// The keys of the section that say where things are; the others are the loader's.
struct Places {
  std::optional<std::string> train, eval, labels, root;
  static constexpr auto fields() {
    return std::tuple(base::field("train", &Places::train, "manifest to train on"),
                      base::field("eval", &Places::eval, "manifest to evaluate on after each epoch"),
                      base::field("labels", &Places::labels, "file with the names of the classes, one a line"),
                      base::field("root", &Places::root, "folder that relative names in the manifests start from"));
  }
};

void refuse_unknown_keys(const base::json::object& section) {
  std::vector<std::string_view> known = base::field_names<Places>();
  for (const std::string_view name : base::field_names<aeon::LoaderConfig>()) known.push_back(name);
  for (const auto& member : section)
    if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end())
      throw base::Error(base::Code::invalid_argument, base::unknown_word("key", member.key(), known),
                        base::pointer_to(kSection, member.key()));
}

class RandomBatches : public tensor::BatchSource {
 public:
  RandomBatches(const neon::Graph& graph, const std::vector<tensor::Column>& targets, std::int64_t batch_size,
                std::int64_t batches_per_epoch)
      : info_{.inputs = graph.input_columns(),
              .targets = targets,
              .record_count = batch_size * batches_per_epoch,
              .batch_size = batch_size} {
    batch_.count = batch_size;
    for (std::size_t i = 0; i < info_.inputs.size(); ++i)
      batch_.inputs.push_back(filled(info_.inputs[i], -1, std::max<std::int64_t>(graph.index_limit(i), 1)));
    for (const tensor::Column& target : targets) batch_.targets.push_back(filled(target, 0, graph.columns()));
  }

  const tensor::SourceInfo& info() const override { return info_; }
  void seek(std::int64_t, std::int64_t batch) override { next_ = batch; }
  const tensor::Batch* next() override { return next_++ < info_.batches_per_epoch() ? &batch_ : nullptr; }

 private:
  /// Numbers from `low` to 1, or whole numbers below `limit`.
  tensor::Tensor filled(const tensor::Column& column, double low, std::int64_t limit) {
    tensor::Tensor tensor{column.dtype, tensor::with_rows(info_.batch_size, column.shape)};
    tensor.data = memory_.emplace_back(static_cast<std::size_t>(tensor.size() * tensor::size_of(column.dtype))).data();
    if (column.dtype == tensor::Dtype::f32)
      for (float& value : tensor.as<float>()) value = static_cast<float>(random_.uniform(low, 1));
    if (column.dtype == tensor::Dtype::i32)
      for (std::int32_t& value : tensor.as<std::int32_t>())
        value = static_cast<std::int32_t>(random_.below(static_cast<std::uint64_t>(limit)));
    if (column.dtype == tensor::Dtype::u8)
      for (std::uint8_t& value : tensor.as<std::uint8_t>()) value = static_cast<std::uint8_t>(random_.below(256));
    return tensor;
  }

  tensor::SourceInfo info_;
  base::Random random_{0, base::stream_of(1)};
  std::vector<tensor::Arena> memory_;
  tensor::Batch batch_;
  std::int64_t next_ = 0;
};

}  // namespace

DatasetSection dataset_section(const neon::ModelSpec& spec) {
  if (spec.dataset.empty())
    throw base::Error(
        base::Code::invalid_argument,
        "the model file has no `dataset:` section; it says how records become inputs (docs/formats/model-yaml.md)");
  refuse_unknown_keys(spec.dataset);
  base::json::object places, loader;
  const auto place_names = base::field_names<Places>();
  for (const auto& member : spec.dataset) {
    const bool is_place =
        std::find(place_names.begin(), place_names.end(), std::string_view(member.key())) != place_names.end();
    (is_place ? places : loader)[member.key()] = member.value();
  }
  DatasetSection section;
  const Places read = base::decode<Places>(places, kSection);
  section.train = read.train;
  section.eval = read.eval;
  section.labels = read.labels;
  section.root = read.root;
  section.loader = base::decode<aeon::LoaderConfig>(loader, kSection);
  aeon::check(section.loader);
  return section;
}

Data open_files(const DatasetSection& section, const std::filesystem::path& folder) {
  if (!section.train)
    throw base::Error(base::Code::invalid_argument,
                      "the `dataset:` section names no manifest to train on; add `train: <manifest>`",
                      std::string(kSection));
  const std::filesystem::path root = section.root ? folder / *section.root : std::filesystem::path();
  Data data;
  data.train = records::open_manifest(records::read_manifest(folder / *section.train), root);
  if (section.eval) data.eval = records::open_manifest(records::read_manifest(folder / *section.eval), root);
  if (section.labels) data.labels = records::read_labels(folder / *section.labels);
  return data;
}

Data open_shards(const std::vector<std::filesystem::path>& train, const std::vector<std::filesystem::path>& eval,
                 std::vector<std::string> labels) {
  Data data;
  data.train = records::open_shards(train);
  if (!eval.empty()) data.eval = records::open_shards(eval);
  data.labels = std::move(labels);
  return data;
}

base::json::object preprocessing_of(const DatasetSection& section) { return base::encode(section.loader).get_object(); }

aeon::LoaderConfig loader_config_of(const base::json::object& preprocessing) {
  return base::decode<aeon::LoaderConfig>(preprocessing);
}

std::unique_ptr<tensor::BatchSource> random_batches(const neon::Graph& graph,
                                                    const std::vector<tensor::Column>& targets, std::int64_t batch_size,
                                                    std::int64_t batches_per_epoch) {
  return std::make_unique<RandomBatches>(graph, targets, batch_size, batches_per_epoch);
}

}  // namespace job

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
  RandomBatches(const tensor::Shape& sample_shape, const tensor::Shape& target_shape, std::int64_t classes,
                std::int64_t batch_size, std::int64_t batches_per_epoch)
      : info_{.inputs = {{"", sample_shape, tensor::Dtype::f32}},
              .targets = {{"", target_shape, target_shape.empty() ? tensor::Dtype::i32 : tensor::Dtype::f32}},
              .record_count = batch_size * batches_per_epoch,
              .batch_size = batch_size},
        input_(static_cast<std::size_t>(batch_size * tensor::element_count(sample_shape)) * sizeof(float)),
        target_(
            static_cast<std::size_t>(batch_size * (target_shape.empty() ? 1 : tensor::element_count(target_shape))) *
            sizeof(float)) {
    base::Random random(0, base::stream_of(1));
    batch_.count = batch_size;
    batch_.inputs = {{tensor::Dtype::f32, with_rows(sample_shape), input_.data()}};
    for (float& value : batch_.input().as<float>()) value = static_cast<float>(random.uniform(-1, 1));
    if (target_shape.empty()) {
      batch_.targets = {{tensor::Dtype::i32, {batch_size}, target_.data()}};
      for (std::int32_t& label : batch_.target().as<std::int32_t>())
        label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(classes)));
    } else {
      batch_.targets = {{tensor::Dtype::f32, with_rows(target_shape), target_.data()}};
      for (float& value : batch_.target().as<float>()) value = static_cast<float>(random.uniform());
    }
  }

  const tensor::SourceInfo& info() const override { return info_; }
  void seek(std::int64_t, std::int64_t batch) override { next_ = batch; }
  const tensor::Batch* next() override { return next_++ < info_.batches_per_epoch() ? &batch_ : nullptr; }

 private:
  tensor::Shape with_rows(tensor::Shape shape) const {
    shape.insert(shape.begin(), info_.batch_size);
    return shape;
  }

  tensor::SourceInfo info_;
  tensor::Arena input_, target_;
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

std::unique_ptr<tensor::BatchSource> random_batches(const tensor::Shape& sample_shape,
                                                    const tensor::Shape& target_shape, std::int64_t classes,
                                                    std::int64_t batch_size, std::int64_t batches_per_epoch) {
  return std::make_unique<RandomBatches>(sample_shape, target_shape, classes, batch_size, batches_per_epoch);
}

}  // namespace job

#pragma once
// A small training for tests: records, a convnet, and somebody who listens.
#include "base/random.h"
#include "neon/trainer.h"

namespace neon::testing {

inline Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

/// Records whose class shows in their first numbers; shuffled by (seed, epoch) alone, as every BatchSource must be.
class Records final : public tensor::BatchSource {
 public:
  Records(std::int64_t count, std::int64_t batch_size, std::int64_t classes = 4) : classes_(classes) {
    info_.inputs = {{"", {2, 6, 6}}};
    info_.targets = {{"", {}, tensor::Dtype::i32}};
    info_.record_count = count;
    info_.batch_size = batch_size;
    for (std::int64_t c = 0; c < classes; ++c) info_.labels.push_back(fmt::format("class {}", c));
    input_.resize(static_cast<std::size_t>(batch_size) * kSize);
    target_.resize(static_cast<std::size_t>(batch_size));
    batch_.inputs = {{tensor::Dtype::f32, {batch_size, 2, 6, 6}, input_.data()}};
    batch_.targets = {{tensor::Dtype::i32, {batch_size}, target_.data()}};
  }
  const tensor::SourceInfo& info() const override { return info_; }
  void seek(std::int64_t epoch, std::int64_t batch) override {
    epoch_ = epoch;
    next_ = batch;
  }
  const tensor::Batch* next() override {
    if (next_ >= info_.batches_per_epoch()) return nullptr;
    const std::int64_t first = next_++ * info_.batch_size;
    batch_.count = std::min(info_.batch_size, info_.record_count - first);
    for (std::int64_t row = 0; row < info_.batch_size; ++row) fill(row, (first + row) % info_.record_count);
    return &batch_;
  }

 private:
  static constexpr std::size_t kSize = 72;
  void fill(std::int64_t row, std::int64_t record) {
    const auto shuffled = static_cast<std::uint64_t>((record * 7 + epoch_ * 3) % info_.record_count);
    base::Random random(17, shuffled);
    const auto label = static_cast<std::size_t>(shuffled) % static_cast<std::size_t>(classes_);
    float* to = &input_[static_cast<std::size_t>(row) * kSize];
    for (std::size_t i = 0; i < kSize; ++i)
      to[i] = static_cast<float>(0.3 * random.normal() + (i % 4 == label ? 1.0 : 0.0));
    target_[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(label);
  }

  std::int64_t classes_, epoch_ = 0, next_ = 0;
  tensor::SourceInfo info_;
  std::vector<float> input_;
  std::vector<std::int32_t> target_;
  tensor::Batch batch_;
};

inline constexpr std::string_view kMomentum =
    R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.05, "momentum_coef": 0.9, "wdecay": 0.001}})";
inline constexpr std::string_view kClipped =
    R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.05, "momentum_coef": 0.9, "gradient_clip_norm": 0.5}})";

inline ModelSpec spec_with(std::string_view optimizer) {
  ModelSpec spec;
  spec.layers = {
      part(
          R"({"type": "Conv", "config": {"fshape": [3, 3, 8], "init": "GlorotUniform", "batch_norm": true, "activation": "Rectlin"}})"),
      part(R"({"type": "Pooling", "config": {"fshape": 2}})"), part(R"({"type": "Dropout", "config": {"keep": 0.8}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 4, "init": "GlorotUniform", "bias": "Constant", "activation": "Softmax"}})")};
  spec.cost = part(R"("CrossEntropyMulti")");
  spec.optimizer = part(optimizer);
  return spec;
}

inline std::unique_ptr<Plan> plan_for(const ModelSpec& spec, std::int64_t batch_size, std::uint64_t seed = 5) {
  PlanOptions options;
  options.batch_size = batch_size;
  options.threads = 2;
  options.seed = seed;
  options.costs = {{Shelf<Cost>::instance().make(spec.cost)}};
  options.optimizer = Shelf<Optimizer>::instance().make(spec.optimizer);
  options.batches_per_update = spec.batches_per_update;
  options.weight_average = spec.weight_average;
  return compile(build_graph(spec, {2, 6, 6}), options);
}

/// Keeps what it hears, and may ask for a stop after so many steps.
class Listener final : public TrainingEvents {
 public:
  explicit Listener(std::int64_t stop_after = -1) : stop_after_(stop_after) {}
  void on_step(const StepEvent& event) override {
    steps.push_back(event);
    if (static_cast<std::int64_t>(steps.size()) == stop_after_) stop = true;
  }
  void on_epoch(const EpochEvent& event) override { epochs.push_back(event); }
  void on_checkpoint(const Trainer& trainer) override { checkpoints.push_back(trainer.checkpoint()); }

  std::atomic<bool> stop = false;
  std::vector<StepEvent> steps;
  std::vector<EpochEvent> epochs;
  std::vector<Checkpoint> checkpoints;

 private:
  std::int64_t stop_after_;
};

inline bool same_bits(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].name != b[i].name || a[i].shape != b[i].shape || a[i].values.size() != b[i].values.size() ||
        std::memcmp(a[i].values.data(), b[i].values.data(), a[i].values.size() * sizeof(float)) != 0)
      return false;
  return true;
}

}  // namespace neon::testing

#include "job/train.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace job {
namespace {

using wire::Event;
using wire::EventKind;
using wire::Outcome;

// A 1×1 gray PNG, so that the manifest holds all there is.
constexpr std::string_view kPixel =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNwAAAAQgBBKTf07wAAAABJRU5ErkJggg==";

Training training_in(const std::filesystem::path& folder) {
  std::string manifest = "@BINARY\tSTRING\n";
  for (int i = 0; i < 12; ++i) manifest += fmt::format("{}\t{}\n", kPixel, i % 3);
  base::write_file_atomically(folder / "train.tsv", manifest);
  Training training;
  training.spec = neon::parse_model(R"(
layers:
  - {type: Affine, config: {nout: 3, init: {type: GlorotUniform}, activation: {type: Softmax}}}
cost: CrossEntropyMulti
optimizer: {type: GradientDescentMomentum, config: {learning_rate: 0.1, momentum_coef: 0.9}}
epochs: 3
batchsize: 4
dataset: {train: train.tsv, etl: [{type: image, height: 1, width: 1, channels: 1}, {type: label}]}
)",
                                    "model.yaml");
  training.section = dataset_section(training.spec);
  training.data = open_files(training.section, folder);
  return training;
}

TEST(Train, SavesEachStepOnceAlsoWhenStoppedRightAfterAnEpoch) {
  const base::TemporaryFolder folder("job-test");
  Training training = training_in(folder.path());
  std::atomic<bool> stop{false};
  std::vector<std::int64_t> saved;
  training.save = [&](const neon::Checkpoint& checkpoint) {
    saved.push_back(checkpoint.position.step);
    stop = saved.size() == 2;  // while the second epoch's end is saved
  };
  EXPECT_EQ(train(training, [](const Event&) {}, stop), Outcome::stopped);
  EXPECT_EQ(saved, (std::vector<std::int64_t>{3, 6}));
}

TEST(Train, LittleMemoryTrainsTheSame) {
  const base::TemporaryFolder folder("job-test");
  std::vector<std::vector<float>> weights;
  for (const std::int64_t memory : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1} << 30}) {
    Training training = training_in(folder.path());
    training.memory_bytes = memory;
    training.save = [&](const neon::Checkpoint& checkpoint) {
      if (checkpoint.position.epoch == 3) weights.push_back(checkpoint.parameters.front().values);
    };
    const std::atomic<bool> stop{false};
    EXPECT_EQ(train(training, [](const Event&) {}, stop), Outcome::completed);
  }
  ASSERT_EQ(weights.size(), 3u);
  EXPECT_EQ(weights[1], weights[0]);
  EXPECT_EQ(weights[2], weights[0]);
}

TEST(Train, ReportsItsStepsAndEpochs) {
  const base::TemporaryFolder folder("job-test");
  const Training training = training_in(folder.path());
  const std::atomic<bool> stop{false};
  std::vector<std::int64_t> epochs;
  std::int64_t last_step = 0;
  const Outcome outcome = train(
      training,
      [&](const Event& event) {
        if (event.kind == EventKind::epoch) epochs.push_back(*event.epoch);
        if (event.kind == EventKind::step) last_step = *event.step;
      },
      stop);
  EXPECT_EQ(outcome, Outcome::completed);
  EXPECT_EQ(epochs, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(last_step, 9);
}

TEST(Train, WhatAnEventHasNoRoomForGoesIntoTheLog) {
  const base::TemporaryFolder folder("job-test");
  Training training = training_in(folder.path());
  training.spec = neon::parse_model(R"(
layers:
  - {type: Affine, config: {nout: 40, init: {type: GlorotUniform}, activation: {type: Softmax}}}
cost: CrossEntropyMulti
metric: Accuracy
optimizer: {type: GradientDescentMomentum, config: {learning_rate: 0.1, momentum_coef: 0.9}}
callbacks: [{type: MultiLabelStatsCallback, config: {binarize: true}}]
batchsize: 4
dataset: {train: train.tsv, eval: train.tsv, etl: [{type: image, height: 1, width: 1, channels: 1}, {type: label}]}
)",
                                    "model.yaml");
  training.section = dataset_section(training.spec);
  training.data = open_files(training.section, folder.path());
  std::size_t metrics = 0, more = 0;
  const std::atomic<bool> stop{false};
  train(
      training,
      [&](const Event& event) {
        if (event.metrics) metrics = event.metrics->size();
        if (event.kind == EventKind::log && event.text->starts_with("more figures of epoch 1: "))
          more += static_cast<std::size_t>(std::count(event.text->begin(), event.text->end(), ',')) + 1;
      },
      stop);
  EXPECT_EQ(metrics, wire::kMostMetrics);
  EXPECT_EQ(metrics + more, 1u + 2 * 40);
}

}  // namespace
}  // namespace job

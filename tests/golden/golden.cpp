// Checkpoints of releases, kept: every later one must read them and train on from them to the same end.
//
// golden write FOLDER   stops each of these trainings, and writes where it stood (<case>.before) and where it ends
// (<case>.after) golden check FOLDER   goes on from every <case>.before below FOLDER, and compares with <case>.after
//
// A release adds a folder of its own name; files of before stay as they are. Which bits a sum ends with depends on the
// instructions that the machine has: where they are those of the file all bits must be the same, elsewhere nearly so.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/caught.h"
#include "base/error.h"
#include "base/version.h"
#include "neon/metric.h"
#include "neon/testing/small_training.h"

namespace {

using namespace neon;
using namespace neon::testing;

constexpr std::int64_t kBatchSize = 12, kEpochs = 3;

std::string_view instructions() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__) || defined(__clang__)
  return "others";
#else
  return __builtin_cpu_supports("x86-64-v4") != 0   ? "x86-64-v4"
         : __builtin_cpu_supports("x86-64-v3") != 0 ? "x86-64-v3"
                                                    : "others";
#endif
}

struct Case {
  std::string_view name;
  std::int64_t stops_after;  ///< steps, of 5 an epoch
  ModelSpec (*spec)();
};

ModelSpec with_layers(std::initializer_list<std::string_view> layers, std::string_view optimizer) {
  ModelSpec spec;
  for (const std::string_view layer : layers) spec.layers.push_back(part(layer));
  spec.cost = part(R"("CrossEntropyMulti")");
  spec.optimizer = part(optimizer);
  spec.metric = part(R"("Accuracy")");
  spec.epochs = kEpochs;
  spec.batch_size = kBatchSize;
  return spec;
}

constexpr std::string_view kHead =
    R"({"type": "Affine", "config": {"name": "head", "nout": 4, "init": "GlorotUniform", "bias": "Constant", "activation": "Softmax"}})";

/// What the first release wrote: its files have these words and no others.
ModelSpec convnet() {
  ModelSpec spec = with_layers(
      {R"({"type": "Conv", "config": {"fshape": [3, 3, 4], "init": "GlorotUniform", "batch_norm": true, "activation": "Rectlin"}})",
       R"({"type": "Dropout", "config": {"keep": 0.8}})", kHead},
      kMomentum);
  spec.callbacks = {part(R"("SaveBestStateCallback")"),
                    part(R"({"type": "EarlyStopCallback", "config": {"patience": 9}})")};
  return spec;
}

ModelSpec recurrent() {
  return with_layers(
      {R"({"type": "Reshape", "config": {"reshape": [12, 6]}})",
       R"({"type": "LSTM", "config": {"output_size": 5, "init": "GlorotUniform", "activation": "Tanh", "gate_activation": "Logistic"}})",
       R"("RecurrentMean")", kHead},
      R"({"type": "MultiOptimizer", "config": {"optimizer_mapping": {
          "default": "Adam", "head": {"type": "RMSProp", "config": {"gradient_clip_norm": 0.5}}}}})");
}

ModelSpec summed_and_averaged() {
  ModelSpec spec = with_layers(
      {R"({"type": "Affine", "config": {"nout": 6, "init": "GlorotUniform", "activation": "Tanh"}})", kHead},
      R"("AdamW")");
  spec.batches_per_update = 3;
  spec.weight_average = WeightAverage{.decay = 0.9};
  spec.callbacks = {part(R"({"type": "TrainCostCallback", "config": {"wsz": 3}})")};
  return spec;
}

constexpr std::array<Case, 3> kCases{
    {{"convnet", 7, convnet}, {"recurrent", 8, recurrent}, {"summed_and_averaged", 7, summed_and_averaged}}};

/// Trains to the end, or to where the listener stops; from a checkpoint where there is one.
Checkpoint trained(const ModelSpec& spec, std::int64_t stops_after, const Checkpoint* from) {
  PlanOptions options;
  options.batch_size = spec.batch_size;
  options.threads = 1;
  options.seed = 11;
  const Graph graph = build_graph(spec, {2, 6, 6});
  options.costs = cost_terms(spec.cost, graph);
  options.optimizer = Shelf<Optimizer>::instance().make(spec.optimizer);
  options.batches_per_update = spec.batches_per_update;
  options.weight_average = spec.weight_average;
  const auto plan = compile(graph, options);
  Records train(60, spec.batch_size), test(24, spec.batch_size);
  const auto metric = Shelf<Metric>::instance().make(spec.metric);
  TrainerOptions how;
  how.epochs = spec.epochs;
  how.callbacks = spec.callbacks;
  Listener listener(stops_after);
  Trainer trainer(*plan, train, &test, metric.get(), how);
  if (from != nullptr) trainer.resume(*from);
  trainer.run(listener, listener.stop);
  Checkpoint checkpoint = listener.checkpoints.back();
  checkpoint.spec = spec;
  checkpoint.provenance = {{"program", base::kVersion}, {"instructions", instructions()}};
  return checkpoint;
}

void write(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const Case& c : kCases) {
    const Checkpoint before = trained(c.spec(), c.stops_after, nullptr);
    write_checkpoint(before, folder / fmt::format("{}.before", c.name));
    write_checkpoint(trained(c.spec(), -1, &before), folder / fmt::format("{}.after", c.name));
  }
}

/// What is not as it should be; empty when all is.
std::string difference(const std::vector<NamedTensor>& expected, const std::vector<NamedTensor>& got, bool all_bits) {
  if (expected.size() != got.size()) return fmt::format("{} tensors instead of {}", got.size(), expected.size());
  for (std::size_t t = 0; t < expected.size(); ++t) {
    if (expected[t].name != got[t].name || expected[t].shape != got[t].shape)
      return fmt::format("{} instead of {}", got[t].name, expected[t].name);
    for (std::size_t i = 0; i < expected[t].values.size(); ++i) {
      const float a = expected[t].values[i], b = got[t].values[i];
      const bool same = all_bits ? std::memcmp(&a, &b, sizeof(a)) == 0 : std::abs(a - b) <= 1e-4f * (1 + std::abs(a));
      if (!same) return fmt::format("{} [{}] is {} instead of {}", expected[t].name, i, b, a);
    }
  }
  return {};
}

/// Errors: data_loss saying what has become otherwise.
void check(const std::filesystem::path& before_file) {
  std::filesystem::path after_file = before_file;
  after_file.replace_extension(".after");
  const Checkpoint before = read_checkpoint(before_file), after = read_checkpoint(after_file);
  const Checkpoint got = trained(before.spec, -1, &before);
  const bool all_bits = after.provenance.at("instructions").as_string() == instructions();
  const auto compare = [&](const auto& expected, const auto& now, std::string_view what) {
    if (const std::string found = difference(expected, now, all_bits); !found.empty())
      throw base::Error(base::Code::data_loss, fmt::format("{}: {}: {}", before_file.string(), what, found));
  };
  compare(after.parameters, got.parameters, "parameters");
  compare(after.optimizer_states, got.optimizer_states, "optimizer states");
  compare(after.averages, got.averages, "averages");
  if (after.callbacks.size() != got.callbacks.size())
    throw base::Error(base::Code::data_loss, before_file.string() + ": states of callbacks are missing");
  for (std::size_t i = 0; i < after.callbacks.size(); ++i)
    compare(after.callbacks[i].state.tensors, got.callbacks[i].state.tensors, "state of a callback");
  fmt::print("{}: {}\n", before_file.string(), all_bits ? "the same bits" : "as near as other instructions come");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() == 2 && words[0] == "write") return write(words[1]), 0;
    if (words.size() != 2 || words[0] != "check") {
      fmt::print(stderr, "golden write FOLDER | golden check FOLDER\n");
      return 2;
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(words[1]))
      if (entry.path().extension() == ".before") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path& file : files) check(file);
    if (!files.empty()) return 0;
    fmt::print(stderr, "golden: no checkpoints in '{}'\n", words[1]);
    return 1;
  } catch (...) {
    fmt::print(stderr, "golden: {}\n", base::caught().message);
    return 1;
  }
}

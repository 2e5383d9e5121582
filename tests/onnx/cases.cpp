// For tests/onnx/check, which compares neon with ONNX Runtime:
//   onnx_cases write FOLDER: every case that the layers register, as FOLDER/<i>.onnx with inputs and neon's answers in
//     <i>.f32, one after the other, and all of them in FOLDER/cases.json; and why the others are refused
//   onnx_cases predict MODEL ROWS: what neon answers to the numbers of stdin, as f32 to stdout; MODEL is a trained
//   model or,
//     as *.onnx, one to import
//   onnx_cases golden FOLDER: whether the files of other programs in it predict what ONNX Runtime does, as the *.json
//     beside them say, also after a way through a model file and through an ONNX file of neon's, and learn
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "base/files.h"
#include "neon/model_text.h"
#include "neon/onnx.h"
#include "neon/plan.h"
#include "neon/start.h"
#include "neon/testing/layer_inputs.h"
#include "tensor/arena.h"

namespace {

constexpr std::int64_t kRows = 3;

/// Tensors of one kind for all inputs of a graph.
class Inputs {
 public:
  explicit Inputs(const neon::Graph& graph, std::int64_t rows) : memory_(bytes(graph, rows)) {
    auto* at = static_cast<std::byte*>(memory_.data());
    for (const int edge : graph.inputs) {
      tensor::Tensor input{graph.spec_of(edge).dtype, {rows}, at};
      for (const std::int64_t extent : graph.spec_of(edge).shape) input.shape.push_back(extent);
      tensors_.push_back(input);
      at += padded(input.size());
    }
  }
  std::span<tensor::Tensor> all() { return tensors_; }
  /// The only input.
  void fill(const std::vector<float>& numbers) {
    tensor::Tensor& input = tensors_.at(0);
    if (tensors_.size() != 1 || static_cast<std::int64_t>(numbers.size()) != input.size())
      throw base::Error(base::Code::invalid_argument, fmt::format("expected {} numbers", input.size()));
    if (input.dtype == tensor::Dtype::i32)
      std::copy(numbers.begin(), numbers.end(), static_cast<std::int32_t*>(input.data));
    else
      std::copy(numbers.begin(), numbers.end(), static_cast<float*>(input.data));
  }

 private:
  static std::size_t padded(std::int64_t count) { return (static_cast<std::size_t>(count) * 4 + 63) / 64 * 64; }
  static std::size_t bytes(const neon::Graph& graph, std::int64_t rows) {
    std::size_t sum = 0;
    for (const int edge : graph.inputs) sum += padded(rows * tensor::element_count(graph.spec_of(edge).shape));
    return sum;
  }
  tensor::Arena memory_;
  std::vector<tensor::Tensor> tensors_;
};

/// Numbers between -1 and 1 that look like none in particular.
float number(std::int64_t i) { return static_cast<float>(std::sin(0.7 * static_cast<double>(i) + 0.3)); }

std::unique_ptr<neon::Plan> plan_of(const neon::Graph& graph, std::int64_t rows) {
  neon::PlanOptions options;
  options.batch_size = rows;
  options.threads = 1;
  return neon::compile(graph, options);
}

void write(std::ostream& out, std::span<const float> numbers) {
  out.write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size_bytes()));
}

base::json::object write_case(const std::string& path, const neon::Graph& graph) {
  const auto plan = plan_of(graph, kRows);
  std::vector<neon::NamedTensor> parameters = plan->export_parameters();
  std::int64_t k = 0;
  for (neon::NamedTensor& tensor : parameters)
    for (float& value : tensor.values) value = tensor.name.ends_with("gvar") ? 1.5f + number(k++) : 0.5f * number(k++);
  plan->import_parameters(parameters);
  neon::write_onnx(neon::onnx_of(graph, parameters), path + ".onnx");
  std::ofstream numbers(path + ".f32", std::ios::binary);
  Inputs inputs(graph, kRows);
  base::json::array in, out;
  for (std::size_t i = 0; i < inputs.all().size(); ++i) {
    const tensor::Tensor& tensor = inputs.all()[i];
    const std::vector<int>& readers = graph.edges[static_cast<std::size_t>(graph.inputs[i])].consumers;
    const std::int64_t limit = graph.nodes[static_cast<std::size_t>(readers.at(0))].layer->index_limit();
    std::vector<float> values;
    const bool is_length = graph.spec_of(graph.inputs[i]).is_length();
    const std::int64_t steps = graph.spec_of(graph.inputs[0]).shape.back();
    for (std::int64_t k = 0; k < tensor.size(); ++k)
      values.push_back(is_length   ? static_cast<float>(1 + (3 * k + 1) % steps)
                       : limit > 0 ? static_cast<float>((7 * k + 3) % limit)
                                   : 2 * number(k + 100 * i));
    if (tensor.dtype == tensor::Dtype::i32)
      std::copy(values.begin(), values.end(), static_cast<std::int32_t*>(tensor.data));
    else
      std::copy(values.begin(), values.end(), static_cast<float*>(tensor.data));
    write(numbers, values);
    in.push_back(base::encode(tensor.shape));
  }
  plan->infer(inputs.all());
  for (std::size_t o = 0; o < graph.predicted_count(); ++o) {
    write(numbers, plan->output(o));
    tensor::Shape shape{kRows};
    shape.insert(shape.end(), graph.out_shape(o).begin(), graph.out_shape(o).end());
    out.push_back(base::encode(shape));
  }
  return {{"inputs", in}, {"outputs", out}};
}

void write_cases(const std::string& folder) {
  base::json::array all;
  for (const auto& [name, member] : neon::Shelf<neon::GraphPart>::instance().members())
    for (const neon::LayerCase& c : member.cases()) {
      neon::ModelSpec spec;
      spec.layers = {{std::string(name), base::parse_json(c.config, "case").get_object(), ""}};
      base::json::object told{{"layer", name}, {"config", c.config}};
      try {
        const neon::Graph graph = neon::build_graph(spec, neon::testing::inputs_of(c));
        for (auto& [key, value] : write_case(fmt::format("{}/{}", folder, all.size()), graph)) told[key] = value;
      } catch (const base::Error& error) {
        if (error.code != base::Code::invalid_argument) throw;
        told["refused"] = error.message;
      }
      all.push_back(std::move(told));
    }
  std::ofstream(folder + "/cases.json") << base::to_text(all);
}

/// What the network answers to numbers given in a row.
std::vector<float> answers(const neon::Checkpoint& checkpoint, std::int64_t rows, const std::vector<float>& given) {
  const neon::Graph graph = neon::build_graph(checkpoint.spec, checkpoint.inputs);
  const auto plan = plan_of(graph, rows);
  plan->import_parameters(checkpoint.parameters);
  Inputs inputs(graph, rows);
  inputs.fill(given);
  plan->infer(inputs.all());
  std::vector<float> all;
  for (std::size_t o = 0; o < graph.predicted_count(); ++o)
    all.insert(all.end(), plan->output(o).begin(), plan->output(o).end());
  return all;
}

void predict(const std::string& file, std::int64_t rows) {
  const neon::Checkpoint checkpoint =
      file.ends_with(".onnx") ? neon::checkpoint_of(neon::read_onnx(file)) : neon::read_checkpoint(file);
  const neon::Graph graph = neon::build_graph(checkpoint.spec, checkpoint.inputs);
  std::vector<float> numbers(static_cast<std::size_t>(rows * tensor::element_count(graph.sample_shape())));
  const auto bytes = static_cast<std::streamsize>(numbers.size() * sizeof(float));
  std::cin.read(reinterpret_cast<char*>(numbers.data()), bytes);
  if (std::cin.gcount() != bytes)
    throw base::Error(base::Code::invalid_argument, fmt::format("expected {} numbers", numbers.size()));
  write(std::cout, answers(checkpoint, rows, numbers));
}

// --- files of other programs

void must_be_alike(const std::string& what, const std::vector<float>& got, const std::vector<float>& expected) {
  float most = 1e-3f, off = 0;
  for (const float value : expected) most = std::max(most, std::abs(value));
  for (std::size_t i = 0; i < expected.size() && got.size() == expected.size(); ++i)
    off = std::max(off, std::abs(got[i] - expected[i]));
  if (got.size() != expected.size() || !(off <= 1e-4f * most))
    throw base::Error(base::Code::internal, fmt::format("{}: {} numbers, off by {}, where {} up to {} are right", what,
                                                        got.size(), off, expected.size(), most));
}

/// A few steps towards other answers, from these weights.
void must_learn(const std::string& what, const neon::Checkpoint& checkpoint, std::int64_t rows,
                const std::vector<float>& given) {
  const neon::Graph graph = neon::build_graph(checkpoint.spec, checkpoint.inputs);
  neon::PlanOptions options;
  options.batch_size = rows;
  options.threads = 1;
  options.costs = {{neon::Shelf<neon::Cost>::instance().make({"SumSquared", {}, {}})}};
  options.targets = {{"", graph.out_shape()}};
  options.optimizer = neon::Shelf<neon::Optimizer>::instance().make(
      {"GradientDescentMomentum", {{"learning_rate", 1e-4}, {"momentum_coef", 0}}, {}});
  const auto plan = neon::compile(graph, options);
  plan->import_parameters(neon::take_weights(graph, checkpoint, {}).parameters);
  Inputs inputs(graph, rows);
  inputs.fill(given);
  std::vector<float> targets(static_cast<std::size_t>(rows * graph.out_count()), 0.25f);
  tensor::Batch batch;
  batch.count = rows;
  batch.inputs.assign(inputs.all().begin(), inputs.all().end());
  batch.targets = {{tensor::Dtype::f32, tensor::with_rows(rows, graph.out_shape()), targets.data()}};
  const double first = plan->train_step(batch, {.epoch = 0, .step = 1});
  double last = first;
  for (std::int64_t step = 2; step < 8; ++step) last = plan->train_step(batch, {.epoch = 0, .step = step});
  if (!(last < first))
    throw base::Error(base::Code::internal, fmt::format("{}: its cost goes from {} to {}", what, first, last));
}

void check_golden(const std::filesystem::path& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().stem().string();
    const auto said = base::parse_json(base::read_file(entry.path()), name).as_object();
    const auto given = base::decode<std::vector<float>>(said.at("given"));
    const auto expected = base::decode<std::vector<float>>(said.at("expected"));
    const std::int64_t rows = base::decode<tensor::Shape>(said.at("shape")).at(0);
    neon::Checkpoint checkpoint = neon::checkpoint_of(neon::read_onnx(folder / (name + ".onnx")));
    must_be_alike(name, answers(checkpoint, rows, given), expected);
    checkpoint.spec = neon::parse_model(neon::yaml_of(checkpoint.spec), name + ".yaml");
    must_be_alike(name + " from its model file", answers(checkpoint, rows, given), expected);
    const base::TemporaryFolder scratch;
    neon::write_onnx(neon::onnx_of(checkpoint), scratch.path() / "again.onnx");
    const neon::Checkpoint again = neon::checkpoint_of(neon::read_onnx(scratch.path() / "again.onnx"));
    must_be_alike(name + " exported and imported again", answers(again, rows, given), expected);
    must_learn(name, checkpoint, rows, given);
    ++count;
  }
  if (count == 0) throw base::Error(base::Code::not_found, fmt::format("'{}' has no files", folder.string()));
  fmt::print("{} networks\n", count);
}

}  // namespace

int main(int count, char** words) {
  try {
    if (count == 3 && words[1] == std::string("write"))
      write_cases(words[2]);
    else if (count == 4 && words[1] == std::string("predict"))
      predict(words[2], std::stoll(words[3]));
    else if (count == 3 && words[1] == std::string("golden"))
      check_golden(words[2]);
    else
      throw base::Error(base::Code::invalid_argument, "expected: write FOLDER, predict MODEL ROWS, or golden FOLDER");
    return 0;
  } catch (const base::Error& error) {
    fmt::print(stderr, "{}\n", error.message);
    return 2;
  }
}

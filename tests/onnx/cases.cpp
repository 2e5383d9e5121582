// For tests/onnx/check, which compares neon with ONNX Runtime:
//   onnx_cases write FOLDER: every case that the layers register, as FOLDER/<i>.onnx with inputs and neon's answers in
//     <i>.f32, one after the other, and all of them in FOLDER/cases.json; and why the others are refused
//   onnx_cases predict MODEL.onnx ROWS: what neon, after an import, answers to the numbers of stdin, as f32 to stdout
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "base/files.h"
#include "neon/onnx.h"
#include "neon/plan.h"
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
    for (std::int64_t k = 0; k < tensor.size(); ++k)
      values.push_back(limit > 0 ? static_cast<float>((7 * k + 3) % limit) : 2 * number(k + 100 * i));
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

void predict(const std::string& file, std::int64_t rows) {
  const neon::Checkpoint checkpoint = neon::checkpoint_of(neon::read_onnx(file));
  const neon::Graph graph = neon::build_graph(checkpoint.spec, checkpoint.inputs);
  const auto plan = plan_of(graph, rows);
  plan->import_parameters(checkpoint.parameters);
  Inputs inputs(graph, rows);
  const std::span<float> numbers = inputs.all()[0].as<float>();
  std::cin.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(numbers.size_bytes()));
  if (std::cin.gcount() != static_cast<std::streamsize>(numbers.size_bytes()))
    throw base::Error(base::Code::invalid_argument, fmt::format("expected {} numbers", numbers.size()));
  plan->infer(inputs.all());
  for (std::size_t o = 0; o < graph.predicted_count(); ++o) write(std::cout, plan->output(o));
}

}  // namespace

int main(int count, char** words) {
  try {
    if (count == 3 && words[1] == std::string("write"))
      write_cases(words[2]);
    else if (count == 4 && words[1] == std::string("predict"))
      predict(words[2], std::stoll(words[3]));
    else
      throw base::Error(base::Code::invalid_argument, "expected: write FOLDER, or predict MODEL.onnx ROWS");
    return 0;
  } catch (const base::Error& error) {
    fmt::print(stderr, "{}\n", error.message);
    return 2;
  }
}

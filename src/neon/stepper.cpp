#include "neon/stepper.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"
#include "neon/plan.h"
#include "tensor/arena.h"

namespace neon {
namespace {

[[noreturn]] void refuse(std::string why) {
  throw base::Error(base::Code::invalid_argument, fmt::format("the model does not write sequences: {}", why));
}

const Edge& edge_of(const Graph& graph, int edge) { return graph.edges[static_cast<std::size_t>(edge)]; }

/// Which edges depend on one.
std::vector<bool> downstream(const Graph& graph, int from) {
  std::vector<bool> depends(graph.edges.size(), false);
  depends[static_cast<std::size_t>(from)] = true;
  for (const Node& node : graph.nodes)
    if (std::any_of(node.in_edges.begin(), node.in_edges.end(),
                    [&](int edge) { return depends[static_cast<std::size_t>(edge)]; }))
      for (const int edge : node.out_edges) depends[static_cast<std::size_t>(edge)] = true;
  return depends;
}

/// Numbers of tokens that a model reads: those of one-hot rows, or of a table.
std::int64_t tokens_read(const Graph& graph, std::size_t input) {
  const TensorSpec& spec = graph.spec_of(graph.inputs[input]);
  return spec.shape.size() == 2 ? spec.shape[0] : graph.index_limit(input);
}

/// The input whose steps become, one by one, those of the output; `blocked` names a layer on the way that sees more.
std::optional<std::size_t> stepwise_input(const Graph& graph, std::string& blocked) {
  std::vector<bool> reached(graph.edges.size(), false);
  reached[static_cast<std::size_t>(graph.outputs.front())] = true;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (std::none_of(node.out_edges.begin(), node.out_edges.end(),
                     [&](int edge) { return reached[static_cast<std::size_t>(edge)]; }))
      continue;
    for (std::size_t i = 0; i < node.in_edges.size(); ++i)
      if (node.layer->sight(i) != Sight::whole)
        reached[static_cast<std::size_t>(node.in_edges[i])] = true;
      else if (i == 0)
        blocked = node.name;
  }
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    if (reached[static_cast<std::size_t>(graph.inputs[i])]) {
      if (found) refuse("its output follows the steps of several inputs");
      found = i;
    }
  return found;
}

/// A sample's numbers, so many times.
void repeat(const std::byte* sample, std::size_t bytes, std::int64_t rows, std::byte* to) {
  for (std::int64_t row = 0; row < rows; ++row) std::memcpy(to + static_cast<std::size_t>(row) * bytes, sample, bytes);
}

std::size_t bytes_of(const tensor::Shape& shape, tensor::Dtype dtype) {
  return static_cast<std::size_t>(tensor::element_count(shape) * tensor::size_of(dtype));
}

/// The parameters of a network's layers out of those of a larger one.
std::vector<NamedTensor> parameters_for(const Graph& graph, std::span<const NamedTensor> all) {
  std::map<std::string_view, const NamedTensor*> by_name;
  for (const NamedTensor& tensor : all) by_name[tensor.name] = &tensor;
  std::vector<NamedTensor> some;
  for (const Node& node : graph.nodes)
    for (const ParameterSpec& spec : node.parameters)
      if (const auto found = by_name.find(node.name + "/" + spec.name);
          found != by_name.end() && node.owns_parameters())
        some.push_back(*found->second);
  return some;
}

std::unique_ptr<Plan> plan_for(const Graph& graph, std::int64_t rows, int threads, std::vector<tensor::Column> inputs,
                               std::span<const NamedTensor> parameters) {
  PlanOptions options;
  options.batch_size = rows;
  options.threads = threads;
  options.inputs = std::move(inputs);
  auto plan = compile(graph, options);
  plan->import_parameters(parameters_for(graph, parameters));
  return plan;
}

/// One input of a plan, with memory for all rows.
class Room {
 public:
  Room(std::int64_t rows, tensor::Column column)
      : column_(std::move(column)),
        rows_(rows),
        each_(bytes_of(column_.shape, column_.dtype)),
        memory_(each_ * static_cast<std::size_t>(rows)) {
    clear();
  }
  void clear() { std::memset(memory_.data(), 0, each_ * static_cast<std::size_t>(rows_)); }
  void fill(const std::byte* sample) { repeat(sample, each_, rows_, memory_.data()); }
  /// Row i becomes what row from[i] was; `spare` is as large as this.
  void follow(std::span<const std::size_t> from, std::vector<std::byte>& spare) {
    spare.assign(memory_.data(), memory_.data() + each_ * static_cast<std::size_t>(rows_));
    for (std::size_t row = 0; row < from.size(); ++row)
      std::memcpy(memory_.data() + row * each_, spare.data() + from[row] * each_, each_);
  }
  void copy(std::span<const float> values) { std::memcpy(memory_.data(), values.data(), values.size_bytes()); }

  /// Puts token number `token` at a step of a row: itself, or a 1 in its place.
  void put(std::size_t row, std::int64_t step, std::int32_t token) {
    std::byte* at = memory_.data() + row * each_;
    if (column_.shape.size() == 2)
      reinterpret_cast<float*>(at)[token * column_.shape[1] + step] = 1;
    else if (column_.dtype == tensor::Dtype::i32)
      reinterpret_cast<std::int32_t*>(at)[step] = token;
    else
      reinterpret_cast<float*>(at)[step] = static_cast<float>(token);
  }

  std::size_t bytes() const { return each_ * static_cast<std::size_t>(rows_); }
  tensor::Tensor tensor() { return {column_.dtype, tensor::with_rows(rows_, column_.shape), memory_.data()}; }

 private:
  tensor::Column column_;
  std::int64_t rows_;
  std::size_t each_;
  tensor::Arena memory_;
};

/// Those nodes of a graph that depend on what is told, made for one step. What they take of others is an input.
class StepGraph {
 public:
  /// Where an input besides the told one comes from: an edge of the whole graph, or zeros (-1).
  struct Given {
    int edge = -1;
    bool is_state = false;  ///< an output, in the same order, has its next value
  };

  StepGraph(const Graph& whole, std::size_t told) : whole_(whole), depends_(downstream(whole, whole.inputs[told])) {
    mapped_.assign(whole.edges.size(), -1);
    TensorSpec spec = whole.spec_of(whole.inputs[told]);
    spec.shape.back() = 1;
    mapped_[static_cast<std::size_t>(whole.inputs[told])] = add_input(spec);
    for (const Node& node : whole.nodes)
      if (depends_on_told(node)) add(node);
    graph.outputs.insert(graph.outputs.begin(), mapped_[static_cast<std::size_t>(whole.outputs.front())]);
  }

  Graph graph;
  std::vector<Given> given;  ///< of each input but the first

 private:
  bool depends_on_told(const Node& node) const {
    return std::any_of(node.in_edges.begin(), node.in_edges.end(),
                       [&](int edge) { return depends_[static_cast<std::size_t>(edge)]; });
  }
  int add_edge(const TensorSpec& spec, int producer) {
    graph.edges.push_back({spec, "", producer, {}});
    return static_cast<int>(graph.edges.size()) - 1;
  }
  int add_input(const TensorSpec& spec) { return graph.inputs.emplace_back(add_edge(spec, -1)); }

  void add(const Node& node) {
    if (node.outs[0].is_length()) return;  // of what is told: the one step is real
    Node step = node;
    step.index = static_cast<std::int64_t>(graph.nodes.size());
    step.in_edges.clear();
    step.out_edges.clear();
    const auto starts = node.layer->with_states(false, true);
    int state = -1;  // where it starts
    for (const int edge : node.in_edges) {
      int& mapped = mapped_[static_cast<std::size_t>(edge)];
      const bool is_sequence = step.in_edges.empty();
      if (starts != nullptr && !is_sequence) {
        if (!whole_.spec_of(edge).is_length()) state = edge;
        continue;
      }
      if (mapped < 0) {
        mapped = add_input(whole_.spec_of(edge));
        given.push_back({edge});
      }
      step.in_edges.push_back(mapped);
    }
    step.ins.clear();
    for (const int edge : step.in_edges) step.ins.push_back(graph.spec_of(edge));
    if (starts != nullptr) {
      step.layer = node.layer->with_states(true, true);
      const TensorSpec spec = starts->infer(step.ins)[1];
      step.in_edges.push_back(add_input(spec));
      step.ins.push_back(spec);
      given.push_back({state, true});
    }
    step.outs = step.layer->infer(step.ins);
    step.parameters = step.layer->parameters(step.ins);
    for (const int edge : step.in_edges)
      graph.edges[static_cast<std::size_t>(edge)].consumers.push_back(static_cast<int>(step.index));
    for (const TensorSpec& out : step.outs) step.out_edges.push_back(add_edge(out, static_cast<int>(step.index)));
    mapped_[static_cast<std::size_t>(node.out_edges[0])] = step.out_edges[0];
    if (starts != nullptr) graph.outputs.push_back(step.out_edges[1]);
    graph.nodes.push_back(std::move(step));
  }

  const Graph& whole_;
  std::vector<bool> depends_;
  std::vector<int> mapped_;  ///< edges of the whole graph to those of the step
};

/// Goes on from states.
class FromStates final : public Stepper {
 public:
  FromStates(const Graph& whole, const Telling& telling, std::span<const NamedTensor> parameters,
             const StepperOptions& options)
      : whole_(whole), columns_(telling.tokens), step_(whole, telling.input) {
    for (const int edge : step_.graph.inputs) {
      const TensorSpec& spec = step_.graph.spec_of(edge);
      rooms_.emplace_back(options.rows, tensor::Column{"", spec.shape, spec.dtype});
    }
    plan_ = plan_for(step_.graph, options.rows, options.threads, {}, parameters);
    for (Room& room : rooms_) tensors_.push_back(room.tensor());
    make_reader(telling, parameters, options);
  }

  std::optional<std::int64_t> limit() const override { return {}; }

  void begin(std::span<const std::byte* const> read) override {
    for (Room& room : rooms_) room.clear();
    if (reader_) {
      std::vector<tensor::Tensor> inputs;
      for (std::size_t i = 0; i < read_.size(); ++i)
        inputs.push_back({read_columns_[i].dtype, tensor::with_rows(1, read_columns_[i].shape),
                          const_cast<std::byte*>(read[read_[i]])});
      reader_->infer(inputs);
    }
    std::size_t output = 0;
    for (std::size_t i = 0; i < step_.given.size(); ++i)
      if (step_.given[i].edge >= 0)
        rooms_[i + 1].fill(reinterpret_cast<const std::byte*>(reader_->output(output++).data()));
  }

  void follow(std::span<const std::size_t> from) override {
    for (std::size_t i = 0; i < step_.given.size(); ++i)
      if (step_.given[i].is_state) rooms_[i + 1].follow(from, spare_);
  }

  std::span<const float> tell(std::span<const std::int32_t> tokens) override {
    rooms_[0].clear();
    for (std::size_t row = 0; row < tokens.size(); ++row) rooms_[0].put(row, 0, tokens[row]);
    const std::span<const float> probabilities = plan_->infer(tensors_);
    std::size_t output = 1;
    for (std::size_t i = 0; i < step_.given.size(); ++i)
      if (step_.given[i].is_state) rooms_[i + 1].copy(plan_->output(output++));
    return probabilities;
  }

 private:
  /// The part of the model that only reads: it gives what the steps take of others.
  void make_reader(const Telling& telling, std::span<const NamedTensor> parameters, const StepperOptions& options) {
    Graph reader = whole_;
    reader.outputs.clear();
    reader.inputs.clear();
    reader.predicts_main_output_only = false;
    for (const StepGraph::Given& given : step_.given)
      if (given.edge >= 0) reader.outputs.push_back(given.edge);
    if (reader.outputs.empty()) return;
    const int told = whole_.inputs[telling.input];
    for (std::size_t i = 0; i < whole_.inputs.size(); ++i) {
      const int edge = whole_.inputs[i];
      if (edge == told || edge == edge_of(whole_, told).lengths) continue;
      const TensorSpec& spec = whole_.spec_of(edge);
      read_.push_back(i);
      read_columns_.push_back(i < options.inputs.size() ? options.inputs[i]
                                                        : tensor::Column{"", spec.shape, spec.dtype});
      reader.inputs.push_back(edge);
    }
    reader_ = plan_for(reader, 1, options.threads, read_columns_, parameters);
  }

  Graph whole_;
  std::int64_t columns_;
  StepGraph step_;
  std::unique_ptr<Plan> plan_, reader_;
  std::vector<Room> rooms_;  ///< of the inputs of a step
  std::vector<tensor::Tensor> tensors_;
  std::vector<std::size_t> read_;  ///< which of the model's inputs the reader takes
  std::vector<tensor::Column> read_columns_;
  std::vector<std::byte> spare_;
};

/// Computes whole sequences again for each token.
class FromTheBeginning final : public Stepper {
 public:
  FromTheBeginning(const Graph& graph, const Telling& telling, std::span<const NamedTensor> parameters,
                   const StepperOptions& options)
      : telling_(telling), steps_(graph.spec_of(graph.inputs[telling.input]).shape.back()) {
    std::vector<tensor::Column> columns = graph.input_columns();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i < options.inputs.size()) columns[i].dtype = options.inputs[i].dtype;
      if (graph.inputs[i] == edge_of(graph, graph.inputs[telling.input]).lengths) length_ = i;
      rooms_.emplace_back(options.rows, columns[i]);
    }
    plan_ = plan_for(graph, options.rows, options.threads, columns, parameters);
    for (Room& room : rooms_) tensors_.push_back(room.tensor());
    probabilities_.resize(static_cast<std::size_t>(options.rows * telling.tokens));
  }

  std::optional<std::int64_t> limit() const override { return steps_; }

  void begin(std::span<const std::byte* const> read) override {
    told_ = 0;
    for (std::size_t i = 0; i < rooms_.size(); ++i)
      if (i == telling_.input || i == length_)
        rooms_[i].clear();
      else
        rooms_[i].fill(read[i]);
  }

  void follow(std::span<const std::size_t> from) override { rooms_[telling_.input].follow(from, spare_); }

  std::span<const float> tell(std::span<const std::int32_t> tokens) override {
    if (told_ == steps_)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the model takes sequences of {} tokens, and all are told", steps_));
    for (std::size_t row = 0; row < tokens.size(); ++row) {
      rooms_[telling_.input].put(row, told_, tokens[row]);
      if (length_) rooms_[*length_].put(row, 0, static_cast<std::int32_t>(told_ + 1));
    }
    const std::span<const float> all = plan_->infer(tensors_);  // (rows, tokens, steps)
    for (std::size_t i = 0; i < probabilities_.size(); ++i)
      probabilities_[i] = all[i * static_cast<std::size_t>(steps_) + static_cast<std::size_t>(told_)];
    ++told_;
    return probabilities_;
  }

 private:
  Telling telling_;
  std::int64_t steps_, told_ = 0;
  std::optional<std::size_t> length_;  ///< the input that says how many steps of the told one are real
  std::unique_ptr<Plan> plan_;
  std::vector<Room> rooms_;
  std::vector<tensor::Tensor> tensors_;
  std::vector<float> probabilities_;
  std::vector<std::byte> spare_;
};

}  // namespace

Telling telling_of(const Graph& graph) {
  if (graph.adversaries) refuse("it makes samples of noise");
  const Node* last = graph.maker_of();
  if (last == nullptr || graph.out_shape().size() != 2) refuse("its output is no sequence (tokens, time steps)");
  if (last->layer->activation() != "Softmax")
    refuse(fmt::format("its last layer '{}' ({}) is no Softmax, which says how likely each token is", last->name,
                       last->type));
  std::string blocked;
  const auto input = stepwise_input(graph, blocked);
  if (!input) refuse(fmt::format("layer '{}' sees steps that come later", blocked));
  Telling telling{*input, graph.columns(), ""};
  const std::int64_t read = tokens_read(graph, *input);
  if (read != telling.tokens)
    refuse(fmt::format("it gives {} numbers for each step, but reads {}", telling.tokens,
                       read == 0 ? "no tokens" : fmt::format("{} tokens", read)));
  const std::vector<bool> depends = downstream(graph, graph.inputs[*input]);
  for (const Node& node : graph.nodes) {
    const bool is_length = node.outs[0].is_length(), has_states = node.layer->with_states(true, true) != nullptr;
    for (std::size_t i = 0; i < node.in_edges.size(); ++i) {
      const int edge = node.in_edges[i];
      const bool length = graph.spec_of(edge).is_length();
      if (!depends[static_cast<std::size_t>(edge)]) {
        // What a step takes of others must be numbers; lengths only layers with states do without.
        const bool own = std::any_of(node.in_edges.begin(), node.in_edges.end(),
                                     [&](int other) { return depends[static_cast<std::size_t>(other)]; });
        if (own && !has_states && length) telling.needs_all = node.name;
        continue;
      }
      if (length || is_length) {
        if (!has_states && !is_length) telling.needs_all = node.name;
        continue;
      }
      const Sight sight = node.layer->sight(i);
      if (sight == Sight::whole) refuse(fmt::format("layer '{}' sees steps that come later", node.name));
      if (sight == Sight::before && !has_states) telling.needs_all = node.name;
    }
  }
  return telling;
}

std::unique_ptr<Stepper> make_stepper(const Graph& graph, std::span<const NamedTensor> parameters,
                                      const StepperOptions& options) {
  const Telling telling = telling_of(graph);
  if (telling.needs_all.empty() && !options.repeats)
    return std::make_unique<FromStates>(graph, telling, parameters, options);
  return std::make_unique<FromTheBeginning>(graph, telling, parameters, options);
}

}  // namespace neon

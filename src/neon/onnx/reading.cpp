#include "neon/onnx/reading.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/nearest.h"
#include "neon/onnx/branches.h"

namespace neon {
namespace {

/// Where a file leaves the batch open it counts as this prime, which no extent has as a factor: shapes can be computed
/// as if it was known, and what the batch has gone into can be told from the result.
constexpr std::int64_t kOpenBatch = 999'999'937;

constexpr std::size_t kMostFaults = 50;

}  // namespace

std::string text_of(const OnnxNode& node) { return fmt::format("operator '{}' (node '{}')", node.op, node.name); }

void refuse(const OnnxNode& node, const std::string& why) {
  throw base::Error(base::Code::invalid_argument, fmt::format("{}: {}", text_of(node), why));
}

OnnxReading::OnnxReading(const OnnxModel& model, const std::map<const OnnxNode*, OnnxNode>& instead,
                         const std::vector<std::size_t>& order)
    : model_(model), instead_(instead), outputs_(model.outputs), input_order_(order), builder_(graph_) {
  // scikit-learn's probabilities come as a list of dictionaries, made of the numbers.
  for (OnnxValue& output : outputs_)
    for (const OnnxNode& node : model.nodes)
      if (node.op == "ai.onnx.ml.ZipMap" && node.outputs == std::vector{output.name} && node.inputs.size() == 1)
        output = {node.inputs[0], {}};
  const OnnxValue& input = model.inputs.at(0);
  batch_ = input.batch > 0 ? input.batch : kOpenBatch;
  tensor::Shape sample;
  for (const std::size_t axis : order) sample.push_back(input.sample_shape[axis]);
  OnnxView view{builder_.add_input({sample, input.whole ? tensor::Dtype::i32 : tensor::Dtype::f32}), {}, {}, {}, 0};
  const Strided here = in_order_behind_batch(batch_, sample);
  view.order.axes.resize(order.size() + 1);
  view.order.axes[0] = here.axes[0];
  for (std::size_t i = 0; i < order.size(); ++i) view.order.axes[order[i] + 1] = here.axes[i + 1];
  known_[input.name] = std::move(view);
  for (const OnnxTensor& tensor : model.constants) {
    if (const auto* numbers = std::get_if<std::vector<float>>(&tensor.values))
      file_numbers_ += static_cast<std::int64_t>(numbers->size());
    known_[tensor.name] = OnnxConstant(&tensor, [](const OnnxTensor*) {});  // the model has it
  }
}

void OnnxReading::count_numbers(std::size_t made) {
  made_numbers_ += static_cast<std::int64_t>(made);
  if (made_numbers_ > 4 * file_numbers_ + (std::int64_t{1} << 24))
    throw base::Error(
        base::Code::too_large,
        fmt::format("the file has {} numbers, but what is made of them is out of proportion", file_numbers_));
}

/// Those that an output depends on which can be read.
std::vector<const OnnxNode*> OnnxReading::needed() const {
  std::set<std::string_view> wanted;
  for (const OnnxValue& output : outputs_)
    if (output.is_numbers()) wanted.insert(output.name);
  std::vector<const OnnxNode*> nodes;
  for (auto in_file = model_.nodes.rbegin(); in_file != model_.nodes.rend(); ++in_file) {
    const auto other = instead_.find(&*in_file);
    const OnnxNode& node = other == instead_.end() ? *in_file : other->second;
    const bool is = std::any_of(node.outputs.begin(), node.outputs.end(),
                                [&](const std::string& output) { return wanted.contains(output); });
    if (!is) continue;
    for (const std::string& input : node.inputs) wanted.insert(input);
    nodes.push_back(&node);
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

void OnnxReading::count_uses(const std::vector<const OnnxNode*>& nodes) {
  for (const OnnxNode* node : nodes)
    for (const std::string& input : node->inputs) ++uses_[input];
  for (const OnnxValue& output : outputs_) ++uses_[output.name];
}

void OnnxReading::read_all() {
  const std::vector<const OnnxNode*> nodes = needed();
  count_uses(nodes);
  for (const OnnxNode* node : nodes) read(*node);
  add_outputs();
}

/// What can be said without knowing what goes in.
void OnnxReading::check_settings(const OnnxNode& node) {
  const auto found = onnx_operators().find(node.op);
  if (found == onnx_operators().end()) {
    std::vector<std::string_view> known;
    for (const auto& [name, member] : onnx_operators()) known.push_back(name);
    const std::string near = node.op.size() < 64 ? base::nearest(node.op, known) : "";
    refuse(node, fmt::format("no layer stands for it{}; docs/reference/onnx.md has those that are read",
                             near.empty() ? "" : fmt::format(", though for {}", near)));
  }
  OnnxAttributes attributes(node);
  for (const auto& [name, value] : node.attributes) {
    const auto& settings = found->second.settings;
    const auto setting =
        std::find_if(settings.begin(), settings.end(), [&](const OnnxSetting& s) { return s.name == name; });
    if (setting == settings.end()) refuse(node, fmt::format("the attribute '{}' is not known here", name));
    if (setting->only) attributes.must_be(name, *setting->only);
  }
}

void OnnxReading::read(const OnnxNode& node) {
  for (const std::string& output : node.outputs) known_[output] = std::monostate();
  try {
    check_settings(node);
    bool broken = false;
    for (const std::string& input : node.inputs) {
      if (input.empty()) continue;
      const auto found = known_.find(input);
      if (found == known_.end()) refuse(node, fmt::format("its input '{}' comes from nowhere before it", input));
      broken = broken || std::holds_alternative<std::monostate>(found->second);
    }
    if (broken) return;  // told already
    if (node.outputs.empty()) refuse(node, "it has no output");
    OnnxOperation operation(*this, node);
    onnx_operators().at(node.op).read(operation);
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (operation.wants(i) && std::holds_alternative<std::monostate>(known_[node.outputs[i]]))
        refuse(node, fmt::format("its output {} is not taken over", i));
  } catch (const base::Error& error) {
    for (const std::string& output : node.outputs) known_[output] = std::monostate();
    const std::string text = text_of(node);
    faults_.push_back(error.message.starts_with("operator '") ? error.message
                                                              : fmt::format("{}: {}", text, error.message));
  }
}

void OnnxReading::add_outputs() {
  for (const OnnxValue& output : outputs_) {
    if (!output.is_numbers()) {
      notes_.push_back(fmt::format("the output '{}' holds no float numbers and is left out", output.name));
      continue;
    }
    const auto found = known_.find(output.name);
    if (found == known_.end() || std::holds_alternative<OnnxConstant>(found->second)) {
      faults_.push_back(fmt::format("the output '{}' is made by no operator", output.name));
      continue;
    }
    const auto* view = std::get_if<OnnxView>(&found->second);
    if (view == nullptr) continue;
    static const OnnxNode end{"Identity", {}, {}, {}, {}};
    try {
      OnnxOperation operation(*this, end);
      const OnnxView whole = operation.whole(*view);
      graph_.outputs.push_back(whole.edge);
      if (whole.order.all_runs() != in_order(graph_.spec_of(whole.edge).shape).all_runs())
        notes_.push_back(fmt::format("the output '{}' is {} here, in another order than ({}) there", output.name,
                                     tensor::text(graph_.spec_of(whole.edge).shape),
                                     fmt::join(tensor::Shape(whole.order.shape()), ", ")));
    } catch (const base::Error& error) {
      faults_.push_back(fmt::format("the output '{}': {}", output.name, error.message));
    }
  }
  if (graph_.outputs.empty() && faults_.empty()) faults_.emplace_back("the network has no outputs");
}

std::string OnnxReading::unique_name(std::string base) {
  std::string name = base;
  for (int i = 2; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  return name;
}

/// A name for a layer, as model files have it.
std::string OnnxReading::name_for(const OnnxNode& node, std::string_view ending) {
  std::string base;
  for (const char c : node.name.empty() ? node.op : node.name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
    if (plain || !base.empty()) base += plain ? c : '_';
    if (base.size() == 80) break;
  }
  if (base.empty()) base = "layer";
  return unique_name(base + std::string(ending));
}

Part OnnxReading::cost_of(std::size_t output) const {
  const Node* maker = graph_.maker_of(output);
  const std::string_view last = maker == nullptr ? std::string_view() : maker->layer->activation();
  return {last == "Softmax" ? "CrossEntropyMulti" : last == "Logistic" ? "CrossEntropyBinary" : "SumSquared", {}, {}};
}

Checkpoint OnnxReading::checkpoint(std::vector<std::string>* notes) {
  if (!faults_.empty()) {
    const std::size_t count = faults_.size();
    if (count == 1) throw base::Error(base::Code::invalid_argument, faults_[0]);
    faults_.resize(std::min(count, kMostFaults));
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("{} things cannot be taken over: {}", count, fmt::join(faults_, "; ")));
  }
  const Nested network = nested(graph_, parts_);
  ModelSpec spec;
  spec.layers = network.layers;
  spec.cost = cost_of(0);
  if (graph_.outputs.size() > 1) {
    base::json::array costs;
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) costs.emplace_back(cost_of(i).type);
    spec.cost = {"Multicost", {{"costs", std::move(costs)}}, {}};
  }
  spec.optimizer = {"GradientDescentMomentum", {{"learning_rate", 0.01}, {"momentum_coef", 0.9}}, {}};
  spec.metric = {"Misclassification", {}, {}};
  Checkpoint checkpoint;
  checkpoint.spec = ModelSpec::from_json(spec.to_json());
  checkpoint.inputs = graph_.input_columns();
  for (const auto& [node, parameters] : parameters_)
    if (network.nodes.contains(static_cast<int>(node)))
      checkpoint.parameters.insert(checkpoint.parameters.end(), parameters.begin(), parameters.end());
  if (const auto found = model_.metadata.find("neon.labels"); found != model_.metadata.end())
    checkpoint.labels = base::decode<std::vector<std::string>>(base::parse_json(found->second, found->first));
  if (const auto found = model_.metadata.find("neon.preprocessing"); found != model_.metadata.end())
    checkpoint.preprocessing = base::decode<base::json::object>(base::parse_json(found->second, found->first));
  build_graph(checkpoint.spec, checkpoint.inputs);  // that it can be built is checked here
  if (notes != nullptr) {
    if (!std::is_sorted(input_order_.begin(), input_order_.end())) {
      const OnnxValue& input = model_.inputs[0];
      notes->push_back(fmt::format("the input '{}' {} is taken as {}", input.name, tensor::text(input.sample_shape),
                                   tensor::text(graph_.sample_shape())));
    }
    notes->insert(notes->end(), notes_.begin(), notes_.end());
  }
  return checkpoint;
}

}  // namespace neon

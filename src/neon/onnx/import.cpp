#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/error.h"
#include "neon/graph_builder.h"
#include "neon/layers/merge.h"
#include "neon/onnx/attributes.h"
#include "neon/onnx/branches.h"

namespace neon {

std::string text_of(const OnnxNode& node) { return fmt::format("operator '{}' (node '{}')", node.op, node.name); }

void refuse(const OnnxNode& node, const std::string& why) {
  throw base::Error(base::Code::invalid_argument, fmt::format("{}: {}", text_of(node), why));
}

namespace {

/// Windows, steps and paddings have no larger extents: products of them fit.
constexpr std::int64_t kLargestExtent = 65535;

const base::json::object kWeights{{"type", "GlorotUniform"}}, kZeros{{"type", "Constant"}};

/// As a model file has it: the shortest decimal number that is this one in f32.
double decimal(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

/// What a name in the file stands for.
struct Known {
  int edge = -1;      ///< of the graph; -1: a constant
  bool flat = false;  ///< the file has it as one row of numbers; layers that do not mind get it as it is
  const OnnxTensor* constant = nullptr;
};

/// Adds layers to a graph, operator by operator, and remembers how each is written in a model file.
class Importer {
 public:
  explicit Importer(const OnnxModel& model) : model_(model), builder_(graph_) {
    for (const OnnxTensor& tensor : model.constants) known_[tensor.name] = {.constant = &tensor};
    if (model.inputs.size() != 1)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("the network has {} inputs; only those with one are taken over", model.inputs.size()));
    const OnnxValue& input = model.inputs[0];
    const auto open = [](std::int64_t extent) { return extent < 1 || extent > (1 << 24); };
    if (input.sample_shape.empty() || std::any_of(input.sample_shape.begin(), input.sample_shape.end(), open))
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("the input '{}' must have a batch and then known extents; export the model with only "
                      "the batch open",
                      input.name));
    known_[input.name] = {.edge = builder_.add_input({input.sample_shape})};
  }

  Checkpoint imported() {
    for (const OnnxNode& node : model_.nodes) add(node);
    for (const OnnxValue& output : model_.outputs) graph_.outputs.push_back(edge_named(output.name));
    if (graph_.outputs.empty()) throw base::Error(base::Code::invalid_argument, "the network has no outputs");
    return checkpoint();
  }

 private:
  using Reader = void (Importer::*)(const OnnxNode&, OnnxAttributes&);

  static const std::map<std::string_view, Reader>& readers() {
    static const std::map<std::string_view, Reader> all{
        {"Gemm", &Importer::gemm},
        {"MatMul", &Importer::mat_mul},
        {"Add", &Importer::add_operator},
        {"Sum", &Importer::sum},
        {"Mul", &Importer::mul},
        {"Conv", &Importer::conv},
        {"MaxPool", &Importer::max_pool},
        {"AveragePool", &Importer::average_pool},
        {"GlobalMaxPool", &Importer::global_max_pool},
        {"GlobalAveragePool", &Importer::global_average_pool},
        {"BatchNormalization", &Importer::batch_normalization},
        {"Relu", &Importer::relu},
        {"LeakyRelu", &Importer::leaky_relu},
        {"Sigmoid", &Importer::sigmoid},
        {"Tanh", &Importer::tanh},
        {"Softmax", &Importer::softmax},
        {"Concat", &Importer::concat},
        {"Flatten", &Importer::flatten},
        {"Reshape", &Importer::reshape},
        {"Dropout", &Importer::dropout},
        {"Identity", &Importer::identity},
        {"Constant", &Importer::constant},
    };
    return all;
  }

  void add(const OnnxNode& node) {
    const auto found = readers().find(node.op);
    if (found == readers().end()) {
      std::vector<std::string_view> names;
      for (const auto& [name, reader] : readers()) names.push_back(name);
      refuse(node, fmt::format("no layer stands for it; known are {}", fmt::join(names, ", ")));
    }
    if (node.outputs.empty()) refuse(node, "it has no output");
    for (std::size_t i = 1; i < node.outputs.size(); ++i)
      if (!node.outputs[i].empty() && node.op != "Dropout") refuse(node, "only its first output is taken over");
    OnnxAttributes attributes(node);
    try {
      (this->*found->second)(node, attributes);
    } catch (const base::Error& error) {
      if (error.message.starts_with("operator '")) throw;
      refuse(node, error.message);
    }
    attributes.check_all_read();
  }

  // --- what goes in

  const Known& known(const OnnxNode& node, std::size_t i) const {
    if (i >= node.inputs.size()) refuse(node, fmt::format("it has no input {}", i));
    const auto found = known_.find(node.inputs[i]);
    if (found == known_.end()) refuse(node, fmt::format("its input '{}' comes from nowhere before it", node.inputs[i]));
    return found->second;
  }
  const Known& value(const OnnxNode& node, std::size_t i = 0) const {
    const Known& it = known(node, i);
    if (it.edge < 0)
      refuse(node, fmt::format("its input '{}' is a constant, but numbers of the network are needed", node.inputs[i]));
    return it;
  }
  const OnnxTensor& weights(const OnnxNode& node, std::size_t i) const {
    const Known& it = known(node, i);
    if (it.constant == nullptr || !std::holds_alternative<std::vector<float>>(it.constant->values))
      refuse(node, fmt::format("its input '{}' must be numbers that the file holds", node.inputs[i]));
    return *it.constant;
  }
  static const std::vector<float>& floats(const OnnxTensor& tensor) {
    return std::get<std::vector<float>>(tensor.values);
  }
  static bool has(const OnnxNode& node, std::size_t i) { return i < node.inputs.size() && !node.inputs[i].empty(); }

  const tensor::Shape& shape_of(const Known& value) const { return builder_.spec_of(value.edge).shape; }
  bool is_row(const Known& value) const { return value.flat || shape_of(value).size() == 1; }

  int edge_named(const std::string& name) const {
    const auto found = known_.find(name);
    if (found == known_.end() || found->second.edge < 0)
      throw base::Error(base::Code::invalid_argument, fmt::format("the output '{}' is made by no operator", name));
    return found->second.edge;
  }

  // --- what comes out

  void put(const OnnxNode& node, Known value) { known_[node.outputs[0]] = value; }

  /// A name for a layer, as model files have it.
  std::string name_for(const OnnxNode& node, std::string_view ending = {}) {
    std::string base;
    for (const char c : node.name.empty() ? node.op : node.name) {
      const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
      if (plain || !base.empty()) base += plain ? c : '_';
      if (base.size() == 80) break;
    }
    if (base.empty()) base = "layer";
    base += ending;
    std::string name = base;
    for (int i = 2; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
    return name;
  }

  int layer(const std::string& type, base::json::object config, const std::string& name, int in) {
    base::json::object named{{"name", name}};
    named.insert(config.begin(), config.end());
    parts_.push_back({type, std::move(named), {}});
    return builder_.add(parts_.back(), {in})[0];
  }
  void activation(const OnnxNode& node, const std::string& function, base::json::object config = {}) {
    base::json::object transform{{"type", function}};
    if (!config.empty()) transform["config"] = std::move(config);
    const Known& x = value(node);
    put(node, {layer("Activation", {{"transform", std::move(transform)}}, name_for(node), x.edge), x.flat});
  }

  int merged_sum(const OnnxNode& node, const std::vector<int>& in) {
    const std::string name = name_for(node);
    parts_.push_back({"MergeSum", {{"name", name}}, {}});
    return merge_sum(builder_, "MergeSum", name, in)[0];
  }
  int merged(const std::string& name, const std::vector<int>& in, Merge merge) {
    parts_.push_back({"MergeBroadcast", {{"name", name}, {"merge", merge == Merge::stack ? "stack" : "depth"}}, {}});
    return merge_concat(builder_, "MergeBroadcast", name, in, merge)[0];
  }

  /// The value in the shape that the file gives it: joining a single branch makes it flat.
  int settled(const OnnxNode& node, const Known& value) {
    if (!value.flat || shape_of(value).size() == 1) return value.edge;
    const auto [found, is_new] = flattened_.try_emplace(value.edge, -1);
    if (is_new) {
      parts_.push_back({"MergeBroadcast", {{"name", name_for(node, "_flat")}, {"merge", "stack"}}, {}});
      parts_.back().config["layers"] = base::json::array{base::json::object{{"type", "SkipNode"}}};
      found->second = builder_.add(parts_.back(), {value.edge})[0];
    }
    return found->second;
  }

  /// The value as one row of numbers. Layers tell a sequence (features, time steps) from a row; other shapes can wait.
  Known as_row(const OnnxNode& node, const Known& value) {
    const Known row{value.edge, true};
    return shape_of(value).size() == 2 ? Known{settled(node, row)} : row;
  }

  /// A parameter of the layer that was added last, from the order of kernels to neon's.
  void parameter(const OnnxNode& from, std::string_view name, const tensor::Shape& shape, std::vector<float> values) {
    const Node& node = graph_.nodes.back();
    for (const ParameterSpec& spec : node.parameters) {
      if (spec.name != name) continue;
      if (spec.shape != shape)
        refuse(from, fmt::format("its weights are {}, but what goes in needs {}", tensor::text(shape),
                                 tensor::text(spec.shape)));
      if (spec.transposed) {
        const std::vector<float> kernel_order = values;
        for (std::int64_t r = 0; r < spec.rows; ++r)
          for (std::int64_t c = 0; c < spec.columns; ++c)
            values[static_cast<std::size_t>(r * spec.columns + c)] =
                kernel_order[static_cast<std::size_t>(c * spec.rows + r)];
      }
      parameters_[node.index].push_back(
          {fmt::format("{}/{}", node.name, name), {spec.rows, spec.columns}, std::move(values)});
      return;
    }
    throw base::Error(base::Code::internal, fmt::format("'{}' has no parameter '{}'", node.name, name));
  }

  // --- dense layers

  /// W (nout, nin), and a bias when there is one.
  void dense(const OnnxNode& node, const Known& x, std::int64_t nout, std::int64_t nin, std::vector<float> w,
             const std::optional<std::vector<float>>& bias) {
    if (!is_row(x))
      refuse(node, fmt::format("its input has the shape {}; put a Flatten before", tensor::text(shape_of(x))));
    const std::string name = name_for(node);
    int y = layer("Linear", {{"nout", nout}, {"init", kWeights}}, name, x.edge);
    parameter(node, "W", {nout, nin}, std::move(w));
    if (bias) y = with_bias(node, y, *bias, unique(name + "_bias"));
    put(node, {y});
  }
  int with_bias(const OnnxNode& node, int edge, const std::vector<float>& bias, const std::string& name) {
    const int y = layer("Bias", {{"init", kZeros}}, name, edge);
    parameter(node, "W", {static_cast<std::int64_t>(bias.size())}, bias);
    return y;
  }
  std::string unique(const std::string& base) {
    std::string name = base;
    for (int i = 2; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
    return name;
  }

  /// One number for each of the first extent of (c, …), of a tensor that is spread over (n, c, …).
  std::vector<float> spread(const OnnxNode& node, const OnnxTensor& tensor, const tensor::Shape& sample) const {
    const std::vector<float>& values = floats(tensor);
    const auto channels = static_cast<std::size_t>(sample[0]);
    if (values.size() == 1) return std::vector<float>(channels, values[0]);
    // Extents are matched from the end; only that of the channels may be more than 1.
    const std::size_t behind = sample.size() - 1;
    const bool fits = values.size() == channels && tensor.shape.size() > behind &&
                      tensor.shape[tensor.shape.size() - 1 - behind] == sample[0];
    if (!fits)
      refuse(node,
             fmt::format("a constant of {} is added to {}; only one number for each of the first extent is taken over",
                         tensor::text(tensor.shape), tensor::text(sample)));
    return values;
  }

  /// (rows, columns) of a matrix, turned when needed.
  struct Matrix {
    std::int64_t nout, nin;
    std::vector<float> w;
  };
  Matrix matrix(const OnnxNode& node, const OnnxTensor& tensor, bool is_nout_nin, float factor = 1) const {
    if (tensor.shape.size() != 2)
      refuse(node, fmt::format("'{}' is {}, not a matrix", tensor.name, tensor::text(tensor.shape)));
    const std::int64_t rows = tensor.shape[0], columns = tensor.shape[1];
    const std::vector<float>& from = floats(tensor);
    if (is_nout_nin && factor == 1) return {rows, columns, from};
    std::vector<float> w(from.size());
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c)
        w[static_cast<std::size_t>(is_nout_nin ? r * columns + c : c * rows + r)] =
            factor * from[static_cast<std::size_t>(r * columns + c)];
    if (is_nout_nin) return {rows, columns, std::move(w)};
    return {columns, rows, std::move(w)};
  }

  void gemm(const OnnxNode& node, OnnxAttributes& attributes) {
    attributes.must_be("transA", 0, 0);
    Matrix m = matrix(node, weights(node, 1), attributes.integer("transB", 0) != 0, attributes.number("alpha", 1));
    const float beta = attributes.number("beta", 1);
    std::optional<std::vector<float>> bias;
    if (has(node, 2)) {
      bias = spread(node, weights(node, 2), {m.nout});
      for (float& number : *bias) number *= beta;
    }
    dense(node, value(node), m.nout, m.nin, std::move(m.w), bias);
  }

  void mat_mul(const OnnxNode& node, OnnxAttributes&) {
    if (known(node, 0).constant != nullptr) return mat_mul_of_sequence(node);
    Matrix m = matrix(node, weights(node, 1), false);
    dense(node, value(node), m.nout, m.nin, std::move(m.w), {});
  }

  /// A matrix times (features, time steps).
  void mat_mul_of_sequence(const OnnxNode& node) {
    Matrix m = matrix(node, weights(node, 0), true);
    const Known x = value(node, 1);
    if (x.flat || shape_of(x).size() != 2)
      refuse(node, fmt::format("a matrix is multiplied by {}; only (features, time steps) may stand there",
                               tensor::text(shape_of(x))));
    const int y = layer("Linear", {{"nout", m.nout}, {"init", kWeights}}, name_for(node), x.edge);
    parameter(node, "W", {m.nout, m.nin}, std::move(m.w));
    put(node, {y});
  }

  // --- sums and factors

  void add_operator(const OnnxNode& node, OnnxAttributes& attributes) {
    if (node.inputs.size() != 2) refuse(node, "it needs two inputs");
    if (known(node, 0).edge >= 0 && known(node, 1).edge >= 0) return sum(node, attributes);
    const std::size_t of_value = known(node, 0).edge >= 0 ? 0 : 1;
    const int x = settled(node, value(node, of_value));
    const std::vector<float> bias = spread(node, weights(node, 1 - of_value), builder_.spec_of(x).shape);
    put(node, {with_bias(node, x, bias, name_for(node))});
  }

  void sum(const OnnxNode& node, OnnxAttributes&) {
    if (node.inputs.size() == 1) return put(node, value(node));
    std::vector<int> in;
    bool same = true;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      in.push_back(value(node, i).edge);
      same = same && value(node, i).flat == value(node).flat && shape_of(value(node, i)) == shape_of(value(node));
    }
    const bool flat = same && value(node).flat;
    if (!same)
      for (std::size_t i = 0; i < in.size(); ++i) in[i] = settled(node, value(node, i));
    put(node, {merged_sum(node, in), flat});
  }

  /// A factor between 0 and 1 is what Dropout does in prediction.
  void mul(const OnnxNode& node, OnnxAttributes&) {
    if (node.inputs.size() != 2) refuse(node, "it needs two inputs");
    const std::size_t of_value = known(node, 0).edge >= 0 ? 0 : 1;
    const Known x = value(node, of_value);
    const OnnxTensor& factor = weights(node, 1 - of_value);
    if (floats(factor).size() != 1 || !(floats(factor)[0] >= 0 && floats(factor)[0] <= 1))
      refuse(node, "only a single factor between 0 and 1 is taken over, as Dropout");
    put(node, {layer("Dropout", {{"keep", decimal(floats(factor)[0])}}, name_for(node), x.edge), x.flat});
  }

  // --- windows

  struct Window {
    std::vector<std::int64_t> kernel, strides, pads, dilations;
  };

  void check_extents(const OnnxNode& node, std::string_view what, const std::vector<std::int64_t>& list,
                     std::size_t count, std::int64_t least) const {
    const bool fits =
        std::all_of(list.begin(), list.end(), [&](std::int64_t n) { return n >= least && n <= kLargestExtent; });
    if (list.size() != count || !fits)
      refuse(node, fmt::format("{} must be {} numbers from {} to {}", what, count, least, kLargestExtent));
  }

  Window window(const OnnxNode& node, OnnxAttributes& attributes, const tensor::Shape& in,
                const std::vector<std::int64_t>& kernel_when_absent) const {
    if (in.size() != 3 && in.size() != 4)
      refuse(node, fmt::format("its input {} is neither (c, h, w) nor (c, d, h, w)", tensor::text(in)));
    const std::size_t count = in.size() - 1;
    const std::vector<std::int64_t> ones(count, 1);
    Window w{attributes.list("kernel_shape", kernel_when_absent), attributes.list("strides", ones),
             attributes.list("pads", std::vector<std::int64_t>(2 * count, 0)), attributes.list("dilations", ones)};
    const std::string padding = attributes.word("auto_pad", "NOTSET");
    if (padding == "VALID") w.pads.assign(2 * count, 0);
    if (padding != "NOTSET" && padding != "VALID")
      refuse(node, fmt::format("auto_pad {} is not taken over; export with explicit pads", padding));
    check_extents(node, "kernel_shape", w.kernel, count, 1);
    check_extents(node, "strides", w.strides, count, 1);
    check_extents(node, "dilations", w.dilations, count, 1);
    check_extents(node, "pads", w.pads, 2 * count, 0);
    if (!std::equal(w.pads.begin(), w.pads.begin() + static_cast<std::ptrdiff_t>(count),
                    w.pads.begin() + static_cast<std::ptrdiff_t>(count)))
      refuse(node, "pads must be the same at both ends; pad before with layers of your own");
    w.pads.resize(count);
    return w;
  }

  /// 2, or {str_h: 2, str_w: 1}: as model files write it.
  static base::json::value written(const std::vector<std::int64_t>& extents, const std::array<const char*, 3>& keys) {
    if (extents.size() == 2 && extents[0] == extents[1]) return extents[0];
    base::json::object mapping;
    for (std::size_t i = 0; i < extents.size(); ++i) mapping[keys[i + 3 - extents.size()]] = extents[i];
    return mapping;
  }
  static constexpr std::array<const char*, 3> kWindow{"T", "R", "S"}, kStrides{"str_d", "str_h", "str_w"},
      kPads{"pad_d", "pad_h", "pad_w"}, kDilations{"dil_d", "dil_h", "dil_w"};

  void conv(const OnnxNode& node, OnnxAttributes& attributes) {
    attributes.must_be("group", 1, 1);
    const int x = settled(node, value(node));
    const OnnxTensor& w = weights(node, 1);
    if (w.shape.size() < 3) refuse(node, fmt::format("its weights are {}", tensor::text(w.shape)));
    const std::vector<std::int64_t> extents(w.shape.begin() + 2, w.shape.end());
    const Window window_ = window(node, attributes, builder_.spec_of(x).shape, extents);
    base::json::array fshape;
    for (const std::int64_t extent : window_.kernel) fshape.push_back(extent);
    fshape.push_back(w.shape[0]);
    const std::string name = name_for(node);
    base::json::object config{{"fshape", std::move(fshape)}, {"init", kWeights}};
    const std::vector<std::int64_t> ones(extents.size(), 1), zeros(extents.size(), 0);
    if (window_.strides != ones) config["strides"] = written(window_.strides, kStrides);
    if (window_.pads != zeros) config["padding"] = written(window_.pads, kPads);
    if (window_.dilations != ones) config["dilation"] = written(window_.dilations, kDilations);
    int y = layer("Convolution", std::move(config), name, x);
    parameter(node, "W", w.shape, floats(w));
    if (has(node, 2)) y = with_bias(node, y, spread(node, weights(node, 2), {w.shape[0]}), unique(name + "_bias"));
    put(node, {y});
  }

  void pool(const OnnxNode& node, OnnxAttributes& attributes, const char* op) {
    const int x = settled(node, value(node));
    attributes.must_be("ceil_mode", 0, 0);
    const Window w = window(node, attributes, builder_.spec_of(x).shape, {});
    if (std::any_of(w.dilations.begin(), w.dilations.end(), [](std::int64_t d) { return d != 1; }))
      refuse(node, "dilations of a pooling window must be 1");
    base::json::object config{{"fshape", written(w.kernel, kWindow)},
                              {"op", op},
                              {"strides", written(w.strides, kStrides)},
                              {"padding", written(w.pads, kPads)}};
    put(node, {layer("Pooling", std::move(config), name_for(node), x)});
  }
  void max_pool(const OnnxNode& node, OnnxAttributes& attributes) {
    attributes.integer("storage_order", 0);  // of the places of the largest, which nobody reads
    pool(node, attributes, "max");
  }
  void average_pool(const OnnxNode& node, OnnxAttributes& attributes) {
    const std::vector<std::int64_t> pads = attributes.list("pads", {});
    if (attributes.integer("count_include_pad", 0) != 0 &&
        std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p != 0; }))
      refuse(node, "padding does not count here; count_include_pad must be 0");
    pool(node, attributes, "avg");
  }
  void pool_all(const OnnxNode& node, const char* op) {
    const int x = settled(node, value(node));
    if (const tensor::Shape& in = builder_.spec_of(x).shape; in.size() != 3)
      refuse(node, fmt::format("its input {} is not (c, h, w)", tensor::text(in)));
    put(node, {layer("Pooling", {{"fshape", "all"}, {"op", op}}, name_for(node), x)});
  }
  void global_max_pool(const OnnxNode& node, OnnxAttributes&) { pool_all(node, "max"); }
  void global_average_pool(const OnnxNode& node, OnnxAttributes&) { pool_all(node, "avg"); }

  // --- of each number, each row, each map

  void batch_normalization(const OnnxNode& node, OnnxAttributes& attributes) {
    attributes.must_be("training_mode", 0, 0);
    attributes.must_be("spatial", 1, 1);
    attributes.number("momentum", 0);  // of training
    const int x = settled(node, value(node));
    const int y = layer("BatchNorm", {{"eps", decimal(attributes.number("epsilon", 1e-5f))}}, name_for(node), x);
    std::size_t i = 1;
    for (const char* name : {"gamma", "beta", "gmean", "gvar"}) {
      const OnnxTensor& tensor = weights(node, i++);
      parameter(node, name, tensor.shape, floats(tensor));
    }
    put(node, {y});
  }

  void relu(const OnnxNode& node, OnnxAttributes&) { activation(node, "Rectlin"); }
  void leaky_relu(const OnnxNode& node, OnnxAttributes& attributes) {
    activation(node, "Rectlin", {{"slope", decimal(attributes.number("alpha", 0.01f))}});
  }
  void sigmoid(const OnnxNode& node, OnnxAttributes&) { activation(node, "Logistic"); }
  void tanh(const OnnxNode& node, OnnxAttributes&) { activation(node, "Tanh"); }

  /// Up to version 12 it is over everything from the axis on; since then over the axis alone.
  void softmax(const OnnxNode& node, OnnxAttributes& attributes) {
    const bool whole = model_.opset < 13;
    const Known& x = value(node);
    const std::int64_t rank = is_row(x) ? 2 : static_cast<std::int64_t>(shape_of(x).size()) + 1;
    std::int64_t axis = attributes.integer("axis", whole ? 1 : -1);
    if (axis < 0) axis += rank;
    const tensor::Shape& in = shape_of(x);
    const bool one_column = tensor::element_count(in) == in[0];
    const bool fits = is_row(x) || (in.size() == 2 ? !whole : whole || one_column);
    if (axis != 1 || !fits)
      refuse(node, "only a Softmax over all features of an example or of a time step, on axis 1, is taken over");
    activation(node, "Softmax");
  }

  // --- shapes and names

  void concat(const OnnxNode& node, OnnxAttributes& attributes) {
    bool rows = true;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) rows = rows && is_row(value(node, i));
    const std::int64_t axis = attributes.integer("axis", 1);
    const auto rank = static_cast<std::int64_t>(is_row(value(node)) ? 2 : shape_of(value(node)).size() + 1);
    if (axis != 1 && axis != 1 - rank) refuse(node, fmt::format("axis must be 1, got {}", axis));
    std::vector<int> in;
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      in.push_back(rows ? value(node, i).edge : settled(node, value(node, i)));
    if (in.size() == 1) return put(node, value(node));
    put(node, {merged(name_for(node), in, rows ? Merge::stack : Merge::depth)});
  }

  void flatten(const OnnxNode& node, OnnxAttributes& attributes) {
    attributes.must_be("axis", 1, 1);
    put(node, as_row(node, value(node)));
  }

  void reshape(const OnnxNode& node, OnnxAttributes& attributes) {
    attributes.integer("allowzero", 0);
    const Known& x = value(node);
    const Known& target = known(node, 1);
    if (target.constant == nullptr || !std::holds_alternative<std::vector<std::int64_t>>(target.constant->values))
      refuse(node, "the shape must be whole numbers that the file holds");
    const auto& shape = std::get<std::vector<std::int64_t>>(target.constant->values);
    const tensor::Shape& in = shape_of(x);
    const std::int64_t count = tensor::element_count(in);
    if (shape.size() == 2 && (shape[1] == count || (shape[1] == -1 && shape[0] != -1)))
      return put(node, as_row(node, x));
    const bool back = shape.size() == in.size() + 1 && std::equal(in.begin(), in.end(), shape.begin() + 1);
    if (back) return put(node, {x.edge, false});
    refuse(node, fmt::format("{} becomes ({}); only a flat shape, (0, {}), is taken over", tensor::text(in),
                             fmt::join(shape, ", "), count));
  }

  /// It does nothing in prediction, unlike neon's.
  void dropout(const OnnxNode& node, OnnxAttributes& attributes) {
    attributes.number("ratio", 0.5f);
    attributes.integer("seed", 0);
    attributes.integer("is_test", 1);
    put(node, value(node));
  }
  void identity(const OnnxNode& node, OnnxAttributes&) { put(node, known(node, 0)); }

  void constant(const OnnxNode& node, OnnxAttributes& attributes) {
    constants_.push_back(std::make_unique<OnnxTensor>(attributes.tensor("value")));
    put(node, {.constant = constants_.back().get()});
  }

  // --- the whole

  Part cost_of(std::size_t output) const {
    const Node* maker = graph_.maker_of(output);
    const std::string_view last = maker == nullptr ? std::string_view() : maker->layer->activation();
    return {last == "Softmax" ? "CrossEntropyMulti" : last == "Logistic" ? "CrossEntropyBinary" : "SumSquared", {}, {}};
  }

  Checkpoint checkpoint() const {
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
    return checkpoint;
  }

  const OnnxModel& model_;
  Graph graph_;
  GraphBuilder builder_;
  std::vector<Part> parts_;  ///< of each node of the graph
  std::map<std::string, Known> known_;
  std::map<int, int> flattened_;  ///< edge → the same, flat
  std::set<std::string> names_;
  std::map<std::int64_t, std::vector<NamedTensor>> parameters_;  ///< of each node
  std::vector<std::unique_ptr<OnnxTensor>> constants_;           ///< of Constant operators
};

}  // namespace

Checkpoint checkpoint_of(const OnnxModel& model) { return Importer(model).imported(); }

}  // namespace neon

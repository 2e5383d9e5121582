#pragma once
// How a network in ONNX's words becomes layers: operator by operator, each of which says for itself what it becomes
// (operators/). Values are numbers that the file holds, or views of what a layer gives.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "neon/graph_builder.h"
#include "neon/layers/merge.h"
#include "neon/onnx/attributes.h"
#include "neon/onnx/functions.h"
#include "neon/onnx/strided.h"
#include "neon/onnx_operator.h"

namespace neon {

/// What a layer gives, as the file sees it.
struct OnnxView {
  int edge = -1;  ///< of the graph, or a number of OnnxReading::attentions from kAttentionEdges on
  Strided order;
  FunctionOfX function;  ///< of each of its numbers
  /// Zeros, or other numbers, around each axis (Pad): those before, then those behind. Mostly none.
  std::vector<std::int64_t> pads;
  float padded_with = 0;
};

using OnnxConstant = std::shared_ptr<const OnnxTensor>;
/// nothing: what made it could not be taken over.
using OnnxKnown = std::variant<std::monostate, OnnxConstant, OnnxView>;

/// Products of queries and keys, on their way to become an attention.
struct OnnxScores {
  OnnxView queries, keys;
  std::int64_t heads = 1, width = 0;   ///< features of each
  std::int64_t looking = 0, seen = 0;  ///< steps
  double factor = 1;
  bool causal = false, weights = false;  ///< weights: a Softmax has been over them
};
constexpr int kAttentionEdges = 1 << 30;

/// As a model file has it: the shortest decimal number that is this one in f32.
double decimal(double value);

/// The network so far: layers, and what names in the file stand for.
class OnnxReading {
 public:
  /// `order` is how the extents of the input are taken: axis order[i] of the file's sample is extent i here.
  /// `instead` are operators to read in the place of the file's.
  OnnxReading(const OnnxModel& model, const std::map<const OnnxNode*, OnnxNode>& instead,
              const std::vector<std::size_t>& order);

  void read_all();
  const std::vector<std::string>& faults() const { return faults_; }
  /// Errors: invalid_argument, of all faults at once.
  Checkpoint checkpoint(std::vector<std::string>* notes);

 private:
  friend class OnnxOperation;

  void check_settings(const OnnxNode& node);
  void read(const OnnxNode& node);
  /// Errors: too_large for what is out of proportion to the file.
  void count_numbers(std::size_t made);
  std::vector<const OnnxNode*> needed() const;
  void count_uses(const std::vector<const OnnxNode*>& nodes);
  void add_outputs();
  Part cost_of(std::size_t output) const;

  std::string unique_name(std::string base);
  std::string name_for(const OnnxNode& node, std::string_view ending);

  const OnnxModel& model_;
  const std::map<const OnnxNode*, OnnxNode>& instead_;
  std::vector<OnnxValue> outputs_;
  std::vector<std::size_t> input_order_;
  Graph graph_;
  GraphBuilder builder_;
  std::int64_t batch_;
  std::vector<Part> parts_;  ///< of each node of the graph
  std::map<std::string, OnnxKnown> known_;
  std::map<std::string, int> uses_;  ///< how many operators read it
  std::map<std::pair<int, const OnnxFunction*>, int> settled_;
  std::vector<FunctionOfX> kept_;  ///< so that those of settled_ stay what they are
  std::map<std::pair<int, tensor::Shape>, int> reshaped_;
  std::map<std::tuple<int, std::int64_t, std::int64_t>, int> selected_;
  std::vector<OnnxScores> attentions_;
  std::set<std::string> names_;
  std::map<std::int64_t, std::vector<NamedTensor>> parameters_;  ///< of each node of the graph
  std::vector<std::string> notes_;
  std::vector<std::string> faults_;
  /// Of the file; of constants and parameters made of them, which may be used many times.
  std::int64_t file_numbers_ = 0, made_numbers_ = 0;
};

/// One operator, and what it may do. Whatever does not fit is refused by base::Error, which gets the operator's name.
class OnnxOperation {
 public:
  OnnxOperation(OnnxReading& reading, const OnnxNode& node) : attributes(node), reading_(reading), node_(node) {}

  OnnxAttributes attributes;

  const OnnxNode& node() const { return node_; }
  std::int64_t opset() const { return reading_.model_.opset; }
  std::int64_t batch() const { return reading_.batch_; }
  [[noreturn]] void refuse(const std::string& why) const { neon::refuse(node_, why); }
  void note(std::string text) { reading_.notes_.push_back(std::move(text)); }

  // --- what goes in

  bool has(std::size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
  const OnnxKnown& input(std::size_t i) const;
  bool is_constant(std::size_t i) const { return std::holds_alternative<OnnxConstant>(input(i)); }
  bool all_constant() const;
  /// Numbers that the file holds, or that follow from it. Errors: invalid_argument when they are not known before an
  /// example comes in.
  const OnnxTensor& constant(std::size_t i) const;
  const std::vector<float>& floats(std::size_t i) const;
  double number(std::size_t i) const;  ///< a single one
  std::vector<std::int64_t> integers(std::size_t i) const;
  /// A list that older versions have as an attribute and newer ones as input i.
  std::vector<std::int64_t> list(std::string_view name, std::size_t i, const std::vector<std::int64_t>& when_absent);

  /// With what element-wise operators have done to it and what stands around it.
  const OnnxView& view(std::size_t i = 0) const;
  /// The numbers of a layer as they are, all of them.
  OnnxView whole(const OnnxView& view);
  OnnxView whole(std::size_t i = 0) { return whole(view(i)); }
  const tensor::Shape& shape_of(int edge) const { return reading_.builder_.spec_of(edge).shape; }
  std::int64_t count_of(int edge) const { return tensor::element_count(shape_of(edge)); }

  // --- edges in the shapes that layers want

  int reshaped(int edge, const tensor::Shape& shape);
  /// (c, h, w) or (c, d, h, w) of (n, c, …); (c, 1, w) of (n, c, w).
  int maps(const OnnxView& view);
  /// What comes out of a layer that took maps(of a value of this rank).
  OnnxView of_maps(int edge, std::size_t rank) const;
  /// Any shape whose first extent is this axis.
  int features_first(const OnnxView& view, std::size_t axis);
  /// (features, time steps).
  int sequence(const OnnxView& view, std::size_t features_axis, std::int64_t steps);

  // --- what comes out

  void put(OnnxKnown value, std::size_t output = 0);
  void put_integers(const std::vector<std::int64_t>& values, tensor::Shape shape);
  bool wants(std::size_t output) const;
  bool used_once(std::size_t i) const;
  bool is_last() const;  ///< only an output of the network reads it

  int layer(const std::string& type, base::json::object config, int in, std::string_view ending = {});
  int activation(base::json::value transform, int in, std::string_view ending = {});
  int sum(const std::vector<int>& in);
  int joined(const std::vector<int>& in, Merge merge);
  /// A parameter of the layer that was added last, from the order of kernels to neon's.
  void parameter(std::string_view name, const tensor::Shape& shape, std::vector<float> values);

  /// An edge's numbers under what element-wise operators have done to them.
  int settled(int edge, const FunctionOfX& function);

  // --- families of operators

  /// A function of single numbers of these inputs.
  void element_wise(const std::vector<std::size_t>& inputs, const Formula& formula);
  /// What is left when it is no function of one layer's numbers. False when it is none.
  bool try_element_wise(const std::vector<std::size_t>& inputs, const Formula& formula);
  /// A function of a view's numbers.
  OnnxView function_of(OnnxView view, const Formula& formula) const;
  /// The same way to see numbers for constants and values of layers.
  template <class Change>
  void seen_as(const Change& change);

  OnnxView product(const OnnxView& x, std::size_t features_axis, std::int64_t nout, std::int64_t nin,
                   const std::vector<float>& w);  ///< w: (nout, nin)
  /// `alone`: nobody else reads x, so that a layer before may do it.
  OnnxView plus_constant(const OnnxView& x, const OnnxTensor& constant, bool alone);
  OnnxView times_constant(const OnnxView& x, const OnnxTensor& constant, bool alone);
  OnnxView plus_bias(const OnnxView& x, const std::vector<float>& bias);  ///< a number per feature map

  std::vector<OnnxScores>& attentions() { return reading_.attentions_; }
  Node& last_node() { return reading_.graph_.nodes.back(); }

 private:
  OnnxView selected(const OnnxView& view);
  struct Spread {
    bool by_channel = true;
    std::vector<float> values;
  };
  Spread spread(const OnnxView& x, const OnnxTensor& constant) const;
  std::vector<NamedTensor>* norm_before(const OnnxView& x);

  OnnxReading& reading_;
  const OnnxNode& node_;
};

/// A constant as numbers in double, and back.
std::vector<double> doubles(const OnnxTensor& tensor);
/// Numbers of a constant in another order.
OnnxTensor ordered(const OnnxTensor& tensor, const Strided& order);
/// formula(a, b, …) with extents of 1 spread.
OnnxTensor computed(const std::vector<const OnnxTensor*>& operands, const Formula& formula, bool whole);

template <class Change>
void OnnxOperation::seen_as(const Change& change) {
  if (is_constant(0)) {
    const OnnxTensor& tensor = constant(0);
    put(std::make_shared<const OnnxTensor>(ordered(tensor, change(in_order(tensor.shape)))));
    return;
  }
  OnnxView seen = view(0);
  if (!seen.pads.empty()) refuse("only a window may follow a Pad");
  seen.order = change(seen.order);
  put(std::move(seen));
}

}  // namespace neon

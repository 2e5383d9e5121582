#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neon/graph_part.h"
#include "neon/initializer.h"
#include "neon/transform.h"

namespace neon {

class Lowering;
class OnnxNodes;
struct Group;
struct Value;

/// One tensor that a layer learns or keeps.
struct ParameterSpec {
  std::string name;                         ///< "W", "gamma"
  tensor::Shape shape;                      ///< as kernels number it: (nout, nin), (k, c, r, s), (c)
  std::int64_t rows = 1, columns = 1;       ///< neon's 2-D shape, of initialisers and checkpoints
  bool transposed = false;                  ///< neon's 2-D order is the transpose of `shape` seen as (columns, rows)
  std::shared_ptr<const Initializer> init;  ///< absent: `constant`
  float constant = 0;
  bool trained = true;        ///< false for statistics
  std::optional<double> rho;  ///< of running statistics: the share of the old value that a step keeps
};

/// One layer's tensors in double and plain order, n outermost: what the oracle of the tests computes with.
struct Reference {
  std::int64_t n = 0;
  std::vector<TensorSpec> ins, outs;
  bool training = true;
  std::uint64_t seed = 0;  ///< these three say which dropout mask
  std::int64_t step = 1;
  std::int64_t layer_index = 0;
  using Numbers = std::vector<double>;
  std::vector<Numbers> srcs, dsts, diff_dsts, diff_srcs;  ///< one per edge
  std::vector<Numbers> parameters, gradients;             ///< in the order of Layer::parameters

  // Of layers with one input and one output.
  const tensor::Shape& in() const { return ins[0].shape; }
  const tensor::Shape& out() const { return outs[0].shape; }
  const Numbers& src() const { return srcs[0]; }
  const Numbers& diff_dst() const { return diff_dsts[0]; }
  const Numbers& dst() const { return dsts[0]; }
  Numbers& dst() { return dsts[0]; }
  Numbers& diff_src() { return diff_srcs[0]; }
};

/// Emits the steps of one layer (and of what it absorbed) and remembers what the backward pass needs of the forward
/// one.
class LayerSteps {
 public:
  virtual ~LayerSteps() = default;
  /// One value per edge that comes out.
  virtual std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) = 0;

  /// Writes the parameters' gradients and returns those of the inputs; unwanted ones may be left empty. A diff_dst is
  /// empty where nothing depends on that output.
  virtual std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts,
                                      const std::vector<bool>& wanted) = 0;
};

/// Which steps of a sequence that comes in a step of what comes out depends on.
enum class Sight {
  whole,   ///< all, or it has no steps
  before,  ///< itself and those before it
  itself
};

/// One kind of layer with its configuration; immutable. Shapes are per sample: (features), (features, time steps),
/// (c, h, w) or (c, d, h, w).
class Layer : public GraphPart {
 public:
  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const final;

  /// What comes out for what goes in. Errors: invalid_argument naming the numbers that do not fit.
  virtual std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const = 0;
  virtual std::vector<ParameterSpec> parameters(std::span<const TensorSpec> in) const {
    return static_cast<void>(in), std::vector<ParameterSpec>();
  }

  /// What passes ask: what is this layer, and what can it do in its own steps?
  virtual bool is_channel_bias() const { return false; }
  virtual std::shared_ptr<const Transform> transform() const { return nullptr; }  ///< of an activation
  virtual std::string_view activation() const { return {}; }                      ///< its name on the shelf
  virtual bool absorbs_bias() const { return false; }
  virtual bool absorbs(const Transform& next) const { return static_cast<void>(next), false; }

  /// Of which input it wants to know how many steps are real, if anything does; that comes as its last input, one whole
  /// number per sample. -1: of none.
  virtual int reads_lengths_of() const { return -1; }

  /// Numbers per example that its forward steps keep for its backward ones, besides inputs and outputs.
  virtual double kept_per_example(std::span<const TensorSpec> in) const { return static_cast<void>(in), 0; }

  /// Of layers with a state: the same one, starting from a state that is its last input, or giving its last one as its
  /// second output. nullptr: it has none.
  virtual std::shared_ptr<const Layer> with_states(bool takes, bool gives) const {
    return static_cast<void>(takes), static_cast<void>(gives), nullptr;
  }

  /// Which steps of an input each step of its first output sees, in prediction.
  virtual Sight sight(std::size_t input) const { return static_cast<void>(input), Sight::whole; }

  /// Whether it starts from its last states of the batch before, where rows go on from batch to batch
  /// (Lowering::carries_states).
  virtual bool carries_state() const { return false; }

  /// How many numbers of each example its statistics over the batch are taken of; 0 for layers without.
  virtual std::int64_t statistics_per_example(std::span<const TensorSpec> in) const { return static_cast<void>(in), 0; }

  /// Of layers that read whole numbers: all must be from 0 to below this. 0: it reads none.
  virtual std::int64_t index_limit() const { return 0; }

  /// Multiplications and additions per sample of the forward pass, roughly.
  virtual double operations(std::span<const TensorSpec> in) const;

  virtual std::unique_ptr<LayerSteps> lower(const Group& group) const = 0;

  /// Adds what it computes in prediction in ONNX's words (neon/onnx_nodes.h). Returns what comes out, by name; nothing
  /// when ONNX has no words for it, and then it cannot be exported.
  virtual std::vector<std::string> onnx(OnnxNodes& nodes) const {
    return static_cast<void>(nodes), std::vector<std::string>();
  }

  /// In double: dsts of srcs; and diff_srcs (which start as zeros) and gradients (likewise) of diff_dsts.
  virtual void reference_forward(Reference& r) const = 0;
  virtual void reference_backward(Reference& r) const = 0;
};

/// A layer with one input of numbers and one output.
class UnaryLayer : public Layer {
 public:
  virtual tensor::Shape out_shape(const tensor::Shape& in) const = 0;
  virtual std::vector<ParameterSpec> parameters(const tensor::Shape& in) const {
    return static_cast<void>(in), std::vector<ParameterSpec>();
  }
  virtual std::int64_t statistics_per_example(const tensor::Shape& in) const { return static_cast<void>(in), 0; }
  virtual double operations(const tensor::Shape& in) const;

  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const final;
  std::vector<ParameterSpec> parameters(std::span<const TensorSpec> in) const final { return parameters(in[0].shape); }
  std::int64_t statistics_per_example(std::span<const TensorSpec> in) const final {
    return statistics_per_example(in[0].shape);
  }
  double operations(std::span<const TensorSpec> in) const final { return operations(in[0].shape); }
};

/// One layer in its place.
struct Node {
  std::int64_t index = 0;
  std::string name;   ///< unique in the graph
  std::string type;   ///< class, such as "Linear"
  std::string where;  ///< JSON pointer into the model
  std::shared_ptr<const Layer> layer;
  std::vector<int> in_edges, out_edges;
  std::vector<TensorSpec> ins, outs;  ///< of these edges
  std::vector<ParameterSpec> parameters;
  int weights_of = -1;  ///< the earlier node whose parameters it uses; -1: it has its own

  // Of layers with one input and one output.
  const tensor::Shape& in() const { return ins[0].shape; }
  const tensor::Shape& out() const { return outs[0].shape; }

  bool owns_parameters() const { return weights_of < 0; }
  bool learns() const;
  double operations() const { return layer->operations(ins); }
};

/// A node and those after it that its steps do as well.
struct Group {
  const Node* node = nullptr;
  std::vector<const Node*> absorbed;

  /// Its last node is the activation whose derivative the cost's gradient contains already: it passes errors on as they
  /// are.
  bool takes_shortcut = false;

  const Node& last() const { return absorbed.empty() ? *node : *absorbed.back(); }
  const Node* bias() const;               ///< an absorbed bias layer
  std::optional<Following> then() const;  ///< an absorbed activation
};

}  // namespace neon

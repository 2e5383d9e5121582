#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "neon/initializer.h"
#include "neon/shelf.h"
#include "neon/transform.h"
#include "tensor/tensor.h"

namespace neon {

class Lowering;
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
  bool trained = true;  ///< false for statistics
};

/// One layer's tensors in double and plain order, n outermost: what the oracle of the tests computes with.
struct Reference {
  std::int64_t n = 0;
  tensor::Shape in, out;  ///< per sample
  bool training = true;
  std::uint64_t seed = 0;  ///< these three say which dropout mask
  std::int64_t step = 1;
  std::int64_t layer_index = 0;
  std::vector<double> src, dst, diff_dst, diff_src;
  std::vector<std::vector<double>> parameters, gradients;  ///< in the order of Layer::parameters
};

/// A configuration that a layer registers for tests and benchmarks.
struct LayerCase {
  std::string_view config;  ///< JSON
  tensor::Shape in;
};

/// Emits the steps of one layer (and of what it absorbed) and remembers what the backward pass needs of the forward
/// one.
class LayerSteps {
 public:
  virtual ~LayerSteps() = default;
  virtual Value forward(Lowering& lowering, const Value& src) = 0;

  /// Writes the parameters' gradients and returns the input's, unless nobody wants it.
  virtual Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) = 0;
};

/// One kind of layer with its configuration; immutable. Shapes are per sample: (features) or (c, h, w) or (c, d, h, w).
class Layer {
 public:
  static constexpr std::string_view kKind = "layer";
  virtual ~Layer() = default;

  /// A name given in the configuration.
  virtual std::optional<std::string> given_name() const = 0;

  /// Compound layers stand for several: the class whose counter names them, and what they stand for.
  virtual std::string_view base_class() const { return {}; }
  virtual std::vector<Part> expand(const std::string& base) const;

  /// Errors: invalid_argument naming the numbers that do not fit.
  virtual tensor::Shape out_shape(const tensor::Shape& in) const = 0;
  virtual std::vector<ParameterSpec> parameters(const tensor::Shape& in) const;

  /// What passes ask: what is this layer, and what can it do in its own steps?
  virtual bool is_channel_bias() const { return false; }
  virtual std::shared_ptr<const Transform> transform() const { return nullptr; }  ///< of an activation
  virtual std::string_view activation() const { return {}; }                      ///< its name on the shelf
  virtual bool absorbs_bias() const { return false; }
  virtual bool absorbs(const Transform& next) const { return static_cast<void>(next), false; }

  /// How many numbers of each example its statistics over the batch are taken of; 0 for layers without.
  virtual std::int64_t statistics_per_example(const tensor::Shape& in) const { return static_cast<void>(in), 0; }

  /// Multiplications and additions per sample of the forward pass, roughly.
  virtual double operations(const tensor::Shape& in) const;

  virtual std::unique_ptr<LayerSteps> lower(const Group& group) const = 0;

  virtual void reference_forward(Reference& r) const = 0;
  virtual void reference_backward(Reference& r) const = 0;
  virtual std::vector<LayerCase> cases() const = 0;
};

/// One layer in its place.
struct Node {
  std::int64_t index = 0;
  std::string name;   ///< unique in the graph
  std::string type;   ///< class, such as "Linear"
  std::string where;  ///< JSON pointer into the model
  std::shared_ptr<const Layer> layer;
  tensor::Shape in, out;
  std::vector<ParameterSpec> parameters;
};

/// A node and those after it that its steps do as well.
struct Group {
  const Node* node = nullptr;
  std::vector<const Node*> absorbed;

  /// Its last node is the activation whose derivative the cost's gradient contains already: it passes errors on as they
  /// are.
  bool takes_shortcut = false;

  const Node* bias() const;               ///< an absorbed bias layer
  std::optional<Following> then() const;  ///< an absorbed activation
};

}  // namespace neon

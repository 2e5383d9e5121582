#include "base/error.h"
#include "neon/layer.h"
#include "neon/lowering/lowering.h"
#include "neon/onnx_nodes.h"
#include "neon/shelf.h"
#include "tensor/recurrent.h"

namespace neon {
namespace {

using tensor::Slot;

/// Leaves one row at zero.
class WithoutRow final : public Initializer {
 public:
  WithoutRow(std::shared_ptr<const Initializer> init, std::int64_t row) : init_(std::move(init)), row_(row) {}
  void fill(std::span<float> out, std::int64_t rows, std::int64_t columns, base::Random& random) const override {
    init_->fill(out, rows, columns, random);
    std::fill_n(out.begin() + row_ * columns, columns, 0.0f);
  }

 private:
  std::shared_ptr<const Initializer> init_;
  std::int64_t row_;
};

class LookupTable final : public Layer {
 public:
  struct Config {
    std::int64_t vocab_size = 0, embedding_dim = 0;
    Part init;
    bool update = true;
    std::optional<std::int64_t> pad_idx;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("vocab_size", &Config::vocab_size, "rows of the table: numbers from 0 to below it")
              .positive()
              .required(),
          base::field("embedding_dim", &Config::embedding_dim, "what each row has").positive().required(),
          base::field("init", &Config::init, "how the table starts").required(),
          base::field("update", &Config::update, "whether the table learns"),
          base::field("pad_idx", &Config::pad_idx, "the number of padding: its row starts as 0 and never learns"),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit LookupTable(const Config& config)
      : config_(config), init_(Shelf<Initializer>::instance().make(config.init)) {
    if (!config.pad_idx) return;
    if (*config.pad_idx < 0 || *config.pad_idx >= config.vocab_size)
      throw base::Error(base::Code::invalid_argument, fmt::format("pad_idx must be from 0 to {}, the last row, got {}",
                                                                  config.vocab_size - 1, *config.pad_idx));
    init_ = std::make_shared<WithoutRow>(init_, *config.pad_idx);
  }

  std::optional<std::string> given_name() const override { return config_.name; }
  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const override {
    if (in.size() != 1 || in[0].shape.size() != 1)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("it reads the numbers of one sequence, (time steps), but {} comes in; it must be "
                                    "the first layer of its path",
                                    in.empty() ? "nothing" : tensor::text(in[0].shape)));
    return {TensorSpec{{config_.embedding_dim, in[0].shape[0]}}};
  }
  std::vector<ParameterSpec> parameters(std::span<const TensorSpec>) const override {
    const std::int64_t rows = config_.vocab_size, columns = config_.embedding_dim;
    return {{"W", {rows, columns}, rows, columns, false, init_, 0, config_.update}};
  }
  Sight sight(std::size_t) const override { return Sight::itself; }
  std::int64_t index_limit() const override { return config_.vocab_size; }
  double operations(std::span<const TensorSpec> in) const override {
    return static_cast<double>(in[0].shape[0]) * static_cast<double>(config_.embedding_dim);
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    return {nodes.transposed(nodes.add("Gather", {nodes.parameter("W"), nodes.in()}), {0, 2, 1})};
  }

  void reference_forward(Reference& r) const override {
    for_each(r, [&](std::size_t out, std::size_t w) { r.dst()[out] = r.parameters[0][w]; });
  }
  void reference_backward(Reference& r) const override {
    const auto pad = static_cast<std::size_t>(config_.pad_idx.value_or(config_.vocab_size));
    for_each(r, [&](std::size_t out, std::size_t w) {
      if (w / static_cast<std::size_t>(config_.embedding_dim) != pad) r.gradients[0][w] += r.diff_dst()[out];
    });
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"vocab_size": 12, "embedding_dim": 5, "init": "Gaussian"})", {7}, {}, true, tensor::Dtype::i32},
            {R"({"vocab_size": 12, "embedding_dim": 40, "init": "Gaussian", "pad_idx": 1})",
             {3},
             {},
             false,  // of what padding does not learn
             tensor::Dtype::i32},
            {R"({"vocab_size": 12, "embedding_dim": 4, "init": "Gaussian", "update": false})",
             {3},
             {},
             true,
             tensor::Dtype::i32}};
  }

 private:
  /// visit(output, weight).
  template <class Visit>
  void for_each(const Reference& r, const Visit& visit) const {
    const std::int64_t steps = r.in()[0], size = config_.embedding_dim;
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t t = 0; t < steps; ++t)
        for (std::int64_t i = 0; i < size; ++i)
          visit(static_cast<std::size_t>((n * size + i) * steps + t),
                static_cast<std::size_t>(
                    static_cast<std::int64_t>(r.src()[static_cast<std::size_t>(n * steps + t)]) * size + i));
  }

  Config config_;
  std::shared_ptr<const Initializer> init_;
};

class Steps final : public LayerSteps {
 public:
  Steps(const Node& node, std::optional<std::int64_t> pad) : node_(node), pad_(pad) {}

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    src_ = srcs[0];
    Parameter& w = lowering.parameter(node_, "W");
    const tensor::Kernel kernel = tensor::lookup_forward(src_.layout, w.spec->rows, w.spec->columns);
    const Value table = lowering.plain_weights(w), y = lowering.value(kernel->layout(Slot::dst));
    lowering.add(node_.name + " forward", kernel,
                 {{Slot::src, src_.buffer}, {Slot::weights, table.buffer}, {Slot::dst, y.buffer}});
    return {y};
  }
  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts, const std::vector<bool>&) override {
    const Parameter& w = lowering.parameter(node_, "W");
    if (w.gradient < 0) return {Value()};
    const tensor::Kernel kernel = tensor::lookup_backward(src_.layout, w.spec->rows, w.spec->columns, pad_);
    const Value dy =
        lowering.in_layout(diff_dsts[0], kernel->layout(Slot::diff_dst), node_.name + " error in the order of time");
    lowering.add(node_.name + " backward", kernel,
                 {{Slot::src, src_.buffer}, {Slot::diff_dst, dy.buffer}, {Slot::diff_weights, w.gradient}});
    return {Value()};
  }

 private:
  const Node& node_;
  std::optional<std::int64_t> pad_;
  Value src_;
};

std::unique_ptr<LayerSteps> LookupTable::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, config_.pad_idx);
}

const OnShelf<GraphPart, LookupTable> registered(
    "LookupTable", "a row of numbers for each whole number of a sequence, such as a word",
    R"((time steps) → (embedding_dim, time steps): y_t = W[x_t]. The input holds whole numbers from 0 to below `vocab_size`, as i32, u8 or
f32; a batch with any other is refused before its step. It gives no gradient back, so it stands first in its path. Only rows
that a batch reads get a gradient from it; the row `pad_idx` gets none. Parameter: W (vocab_size, embedding_dim).)",
    {{"Embedding", ""}});

}  // namespace
}  // namespace neon

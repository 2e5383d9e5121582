// Recurrent layers in ONNX's words: RNN, LSTM and GRU, which want time first and their gates in another order.
#include <algorithm>
#include <array>

#include "neon/layers/recurrent_layer.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

/// What ONNX calls a function inside a recurrent operator.
struct Word {
  std::string name;
  std::vector<float> alpha, beta;
};

/// It is the operator that the function is by itself, if that is one of those that are allowed here.
Word word_of(const Transform& transform, const OnnxNodes& nodes) {
  constexpr std::array kAllowed{"Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu", "Softplus"};
  if (transform.is_identity()) return {"Affine", {1}, {0}};
  OnnxModel alone;
  const std::map<std::string, const NamedTensor*> none;
  OnnxNodes words(alone, nodes.node(), {"x"}, none);
  transform.onnx(words, "x");
  if (alone.nodes.size() != 1 || std::find(kAllowed.begin(), kAllowed.end(), alone.nodes[0].op) == kAllowed.end())
    nodes.refuse(fmt::format("inside a recurrent layer there are only Identity, {}", fmt::join(kAllowed, ", ")));
  Word word{alone.nodes[0].op, {}, {}};
  for (const auto& [name, value] : alone.nodes[0].attributes) word.alpha.push_back(std::get<float>(value));
  return word;
}

/// Where each of ONNX's gates stands among neon's: iofc of i, f, o, g; zrh of r, z, candidate.
std::vector<std::int64_t> order_of(tensor::Cell cell) {
  if (cell == tensor::Cell::lstm) return {0, 2, 1, 3};
  if (cell == tensor::Cell::gru) return {1, 0, 2};
  return {0};
}

class Writer {
 public:
  Writer(OnnxNodes& nodes, const RecurrentKind& kind, const RecurrentParts& parts, std::string lengths)
      : nodes_(nodes), kind_(kind), parts_(parts), lengths_(std::move(lengths)), w_(nodes.values_of("W")) {
    const Word activation = word_of(*kind.activation, nodes);
    if (kind.cell == tensor::Cell::simple) {
      words_ = {activation};
    } else {
      const Word gate = word_of(*kind.gate_activation, nodes);
      words_ = {gate, activation};
      if (kind.cell == tensor::Cell::lstm) words_.push_back(activation);
      // What is z here is 1 - z there, and only sigmoid(-x) is 1 - sigmoid(x).
      if (kind.cell == tensor::Cell::gru && gate.name != "Sigmoid")
        nodes.refuse("its GRU keeps the state by 1 - z, so gates can only be Logistic");
    }
    if (kind.batch_norm) normalise();
  }

  /// The named directions of x (n, features, time steps), as (n, directions·units, time steps).
  std::string add(const std::string& x, const std::vector<std::int64_t>& directions, const std::string& direction) {
    const auto count = static_cast<std::int64_t>(directions.size());
    const auto all = [&](const auto& one) {
      std::vector<float> values;
      for (const std::int64_t d : directions)
        for (const float value : one(d)) values.push_back(value);
      return values;
    };
    const std::int64_t sums = parts_.sums;
    std::map<std::string, OnnxAttribute> attributes{{"hidden_size", parts_.units}, {"direction", direction}};
    add_functions(attributes, directions.size());
    std::vector<std::string> inputs{
        nodes_.transposed(x, {2, 0, 1}), nodes_.constant("W", {count, sums, parts_.inputs}, all([&](std::int64_t d) {
                                                           return gates(parts_.for_input(d), parts_.inputs);
                                                         })),
        nodes_.constant("R", {count, sums, parts_.units},
                        all([&](std::int64_t d) { return gates(parts_.for_state(d), parts_.units); })),
        nodes_.constant("B", {count, 2 * sums}, all([&](std::int64_t d) {
                          std::vector<float> both = gates(parts_.bias(d), 1);
                          both.resize(2 * both.size());  // those of the state are 0
                          return both;
                        }))};
    if (!lengths_.empty()) inputs.push_back(lengths_);
    const std::string y = nodes_.add(kind_.cell == tensor::Cell::lstm  ? "LSTM"
                                     : kind_.cell == tensor::Cell::gru ? "GRU"
                                                                       : "RNN",
                                     std::move(inputs), std::move(attributes));
    // (time steps, directions, n, units)
    return nodes_.shaped(nodes_.transposed(y, {2, 1, 3, 0}), {count * parts_.units, parts_.steps});
  }

 private:
  void add_functions(std::map<std::string, OnnxAttribute>& attributes, std::size_t directions) const {
    std::vector<std::string> names;
    std::vector<float> alphas, betas;
    for (std::size_t d = 0; d < directions; ++d)
      for (const Word& word : words_) {
        names.push_back(word.name);
        alphas.insert(alphas.end(), word.alpha.begin(), word.alpha.end());
        betas.insert(betas.end(), word.beta.begin(), word.beta.end());
      }
    attributes["activations"] = std::move(names);
    if (!alphas.empty()) attributes["activation_alpha"] = std::move(alphas);
    if (!betas.empty()) attributes["activation_beta"] = std::move(betas);
  }

  /// A part of W, its gates in ONNX's order.
  std::vector<float> gates(std::int64_t begin, std::int64_t columns) const {
    const std::int64_t size = parts_.units * columns;
    std::vector<float> values;
    for (const std::int64_t gate : order_of(kind_.cell)) {
      const float sign = kind_.cell == tensor::Cell::gru && gate == 1 ? -1.0f : 1.0f;
      for (std::int64_t i = 0; i < size; ++i)
        values.push_back(sign * w_[static_cast<std::size_t>(begin + gate * size + i)]);
    }
    return values;
  }

  /// The running statistics become part of weights and biases.
  void normalise() {
    const std::vector<float> gamma = nodes_.values_of("gamma"), beta = nodes_.values_of("beta"),
                             mean = nodes_.values_of("gmean"), variance = nodes_.values_of("gvar");
    for (std::int64_t d = 0; d < parts_.directions; ++d)
      for (std::int64_t k = 0; k < parts_.sums; ++k) {
        const auto c = static_cast<std::size_t>(d * parts_.sums + k);
        const double factor = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + kind_.how.eps);
        for (std::int64_t i = 0; i < parts_.inputs; ++i) {
          float& w = w_[static_cast<std::size_t>(parts_.for_input(d) + k * parts_.inputs + i)];
          w = static_cast<float>(w * factor);
        }
        float& b = w_[static_cast<std::size_t>(parts_.bias(d) + k)];
        b = static_cast<float>(b + beta[c] - factor * mean[c]);
      }
  }

  OnnxNodes& nodes_;
  const RecurrentKind& kind_;
  const RecurrentParts& parts_;
  std::string lengths_;  ///< empty: all steps are real
  std::vector<float> w_;
  std::vector<Word> words_;
};

}  // namespace

std::vector<std::string> RecurrentLayer::onnx(OnnxNodes& nodes) const {
  const RecurrentInputs inputs(kind_, nodes.node().ins);
  if (inputs.state > 0) nodes.refuse("it starts from another layer's state, which is not exported");
  const tensor::Shape& in = nodes.node().in();
  const RecurrentParts parts(kind_, in);
  std::string lengths;  // (n), as the operators want it
  if (inputs.lengths > 0)
    lengths = nodes.cast(nodes.add("Reshape", {nodes.ins()[inputs.lengths], nodes.constant("lengths", {-1})}), 6);
  Writer writer(nodes, kind_, parts, lengths);
  const tensor::Shape sequence{tensor::element_count(in) / parts.steps, parts.steps};
  const std::string x = in.size() == 2 ? nodes.in() : nodes.shaped(nodes.in(), sequence);
  if (!kind_.both_directions) return {writer.add(x, {0}, "forward")};
  if (!kind_.split_inputs) return {writer.add(x, {0, 1}, "bidirectional")};
  const std::vector<std::string> halves = nodes.add_several("Split", {x}, 2, {{"axis", std::int64_t{1}}});
  return {nodes.add("Concat", {writer.add(halves[0], {0}, "forward"), writer.add(halves[1], {1}, "reverse")},
                    {{"axis", std::int64_t{1}}})};
}

}  // namespace neon

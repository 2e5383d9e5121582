#include <algorithm>
#include <array>

#include "base/error.h"
#include "neon/onnx/reading.h"

namespace neon {
namespace {

struct Kind {
  std::string_view forward, both;        ///< layers
  std::vector<std::int64_t> order;       ///< where each of ONNX's gates stands among neon's
  std::vector<std::string> activations;  ///< when the file names none
};

/// Functions take the numbers that are theirs from the lists of all.
class Functions {
 public:
  explicit Functions(OnnxOperation& op)
      : op_(op), alphas_(op.attributes.numbers("activation_alpha")), betas_(op.attributes.numbers("activation_beta")) {}

  base::json::value part(const std::string& name) {
    const auto with = [](const char* type, const char* key, float value) -> base::json::value {
      return base::json::object{{"type", type}, {"config", base::json::object{{key, decimal(value)}}}};
    };
    if (name == "Sigmoid") return "Logistic";
    if (name == "Tanh" || name == "Softplus") return base::json::string(name);
    if (name == "Relu") return "Rectlin";
    if (name == "LeakyRelu") return with("Rectlin", "slope", next(alphas_, alpha_, 0.01f));
    if (name == "Elu") return with("Explin", "alpha", next(alphas_, alpha_, 1));
    if (name == "Affine" && next(alphas_, alpha_, 1) == 1 && next(betas_, beta_, 0) == 0) return "Identity";
    op_.refuse(fmt::format("no activation stands for '{}' inside it", name));
  }

 private:
  static float next(const std::vector<float>& list, std::size_t& at, float when_absent) {
    return at < list.size() ? list[at++] : when_absent;
  }
  OnnxOperation& op_;
  std::vector<float> alphas_, betas_;
  std::size_t alpha_ = 0, beta_ = 0;
};

void check_states(const OnnxOperation& op) {
  if (op.has(4)) op.refuse("it reads lengths of sequences, which are not taken over");
  for (const std::size_t i : {5, 6}) {
    if (!op.has(i)) continue;
    const std::vector<double> state = op.is_constant(i) ? doubles(op.constant(i)) : std::vector<double>{1};
    if (std::any_of(state.begin(), state.end(), [](double x) { return x != 0; }))
      op.refuse("it starts from a state that is not 0");
  }
  if (op.has(7)) op.refuse("it has peepholes");
}

/// neon's one tensor: matrices for the inputs of all directions, those for the states, biases.
std::vector<float> weights(const OnnxOperation& op, const Kind& kind, std::int64_t directions, std::int64_t units,
                           std::int64_t inputs) {
  const auto gates = static_cast<std::int64_t>(kind.order.size()), sums = gates * units;
  std::vector<float> w;
  const auto add = [&](std::size_t i, std::int64_t columns, std::int64_t rows) {
    const std::vector<float>& from = op.floats(i);
    if (op.constant(i).shape !=
        (columns > 0 ? tensor::Shape{directions, rows, columns} : tensor::Shape{directions, rows}))
      op.refuse(fmt::format("its input {} is {}", i, tensor::text(op.constant(i).shape)));
    columns = std::max<std::int64_t>(columns, 1);
    const std::size_t begin = w.size();
    w.resize(begin + static_cast<std::size_t>(directions * sums * columns));
    const std::int64_t size = units * columns;
    for (std::int64_t d = 0; d < directions; ++d)
      for (std::int64_t row = 0; row < rows / units; ++row) {  // a gate, of biases those of the state behind them
        const std::int64_t gate = kind.order[static_cast<std::size_t>(row % gates)];
        const float sign = gates == 3 && gate == 1 ? -1.0f : 1.0f;  // what is z here is 1 - z there
        for (std::int64_t k = 0; k < size; ++k)
          w[begin + static_cast<std::size_t>((d * gates + gate) * size + k)] +=
              sign * from[static_cast<std::size_t>((d * (rows / units) + row) * size + k)];
      }
  };
  add(1, inputs, sums);
  add(2, units, sums);
  if (op.has(3))
    add(3, 0, 2 * sums);
  else
    w.resize(w.size() + static_cast<std::size_t>(directions * sums));
  return w;
}

void recurrent(OnnxOperation& op, const Kind& kind) {
  check_states(op);
  const std::string direction = op.attributes.word("direction", "forward");
  if (direction == "reverse") op.refuse("no layer reads a sequence backwards alone");
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  if (directions == 2 && kind.both.empty()) op.refuse("no layer does it in both directions");
  if (op.attributes.has("clip")) op.refuse("it clips what goes into activations");
  const bool examples_first = op.attributes.integer("layout", 0) != 0;
  const std::size_t batch_axis = examples_first ? 0 : 1, time_axis = 1 - batch_axis;

  std::vector<std::string> names = op.attributes.words("activations");
  if (names.empty())
    for (std::int64_t d = 0; d < directions; ++d)
      names.insert(names.end(), kind.activations.begin(), kind.activations.end());
  const std::size_t each = kind.activations.size();
  if (names.size() != each * static_cast<std::size_t>(directions))
    op.refuse("it has not an activation for each function");
  Functions functions(op);
  std::vector<base::json::value> parts;
  for (const std::string& name : names) parts.push_back(functions.part(name));
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i] != parts[i % each] || (each == 3 && i % 3 == 2 && parts[i] != parts[1]))
      op.refuse("its activations differ in a way that no layer has");
  const bool gated = each > 1;
  if (kind.order.size() == 3 && parts[0] != base::json::value("Logistic")) op.refuse("its gates must be Sigmoid");

  const OnnxView x = op.whole();
  if (x.order.rank() != 3 || !x.order.is_batch(batch_axis)) op.refuse("its input is no (time steps, n, features)");
  const std::int64_t steps = x.order.extent(time_axis), inputs = x.order.extent(2);
  if (x.order.runs({time_axis}) != merged({{steps, 1}})) op.refuse("its time steps do not lie behind each other");
  const int in = op.sequence(x, 2, steps);
  const tensor::Shape& recurrence = op.constant(2).shape;
  const std::int64_t units = recurrence.empty() ? 0 : recurrence.back();
  const std::int64_t most = std::int64_t{1} << 24;
  if (units < 1 || units > most || inputs > most) op.refuse("its state is too large");

  const base::json::object init{{"type", "GlorotUniform"}};
  base::json::object config{{"output_size", units}, {"init", init}, {"activation", gated ? parts[1] : parts[0]}};
  if (gated) config["gate_activation"] = parts[0];
  const int y = op.layer(std::string(directions == 2 ? kind.both : kind.forward), std::move(config), in);
  const auto sums = static_cast<std::int64_t>(kind.order.size()) * units;
  std::vector<float> w = weights(op, kind, directions, units, inputs);
  op.parameter("W", {directions * (inputs + units + 1), sums}, std::move(w));

  const Axis batch{{op.batch(), kBatch}};
  if (op.wants(0)) {
    OnnxView all{y, {}, {}, {}, 0};
    const Axis time = merged({{steps, 1}}), ways = merged({{directions, units * steps}}),
               features = merged({{units, steps}});
    all.order.axes = examples_first ? std::vector<Axis>{batch, time, ways, features}
                                    : std::vector<Axis>{time, ways, batch, features};
    op.put(std::move(all), 0);
  }
  if (op.wants(1)) {
    if (directions == 2) op.refuse("the last states of both directions are read, which stand at both ends");
    OnnxView last{op.layer("RecurrentLast", {}, y, "_last"), {}, {}, {}, 0};
    const Axis features = merged({{units, 1}});
    last.order.axes = examples_first ? std::vector<Axis>{batch, {}, features} : std::vector<Axis>{{}, batch, features};
    op.put(std::move(last), 1);
  }
  if (op.wants(2)) op.refuse("its last cell is read");
}

const std::vector<OnnxSetting> kSettings{{"activations"}, {"activation_alpha"}, {"activation_beta"}, {"clip"},
                                         {"direction"},   {"hidden_size"},      {"layout"}};
std::vector<OnnxSetting> settings(OnnxSetting more) {
  std::vector<OnnxSetting> all = kSettings;
  all.push_back(more);
  return all;
}
constexpr std::string_view kRefused =
    "lengths, states that do not start as 0, peepholes, clip, direction reverse, the last states of both directions";

void rnn(OnnxOperation& op) { recurrent(op, {"Recurrent", "BiRNN", {0}, {"Tanh"}}); }
void lstm(OnnxOperation& op) { recurrent(op, {"LSTM", "BiLSTM", {0, 2, 1, 3}, {"Sigmoid", "Tanh", "Tanh"}}); }
void gru(OnnxOperation& op) { recurrent(op, {"GRU", "", {1, 0, 2}, {"Sigmoid", "Tanh"}}); }

const OnOnnxShelf registered[]{
    OnOnnxShelf({"RNN", "Recurrent, BiRNN, and RecurrentLast for the last state", kRefused, kSettings, rnn}),
    OnOnnxShelf(
        {"LSTM", "LSTM, BiLSTM, and RecurrentLast for the last state", kRefused, settings({"input_forget", 0}), lstm}),
    OnOnnxShelf({"GRU", "GRU, and RecurrentLast for the last state",
                 "linear_before_reset, which PyTorch and Keras have; both directions; else as LSTM",
                 settings({"linear_before_reset", 0}), gru})};

}  // namespace
}  // namespace neon

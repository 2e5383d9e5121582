#include <algorithm>

#include "base/error.h"
#include "neon/onnx/reading.h"

namespace neon {
namespace {

const base::json::object kInit{{"type", "GlorotUniform"}}, kZeros{{"type", "Constant"}};

std::size_t count_in(const OnnxTensor& tensor) {
  if (const auto* numbers = std::get_if<std::vector<float>>(&tensor.values)) return numbers->size();
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&tensor.values)) return numbers->size();
  return 0;
}

std::int64_t rest_of(const tensor::Shape& shape) { return tensor::element_count(shape) / shape[0]; }

}  // namespace

// --- what goes in

const OnnxKnown& OnnxOperation::input(std::size_t i) const {
  if (!has(i)) refuse(fmt::format("it has no input {}", i));
  return reading_.known_.at(node_.inputs[i]);
}

bool OnnxOperation::all_constant() const {
  for (std::size_t i = 0; i < node_.inputs.size(); ++i)
    if (has(i) && !is_constant(i)) return false;
  return true;
}

const OnnxTensor& OnnxOperation::constant(std::size_t i) const {
  const auto* known = std::get_if<OnnxConstant>(&input(i));
  if (known == nullptr) refuse(fmt::format("its input '{}' must be numbers that the file holds", node_.inputs[i]));
  if (const auto* unread = std::get_if<OnnxUnread>(&(*known)->values)) refuse(unread->why);
  return **known;
}

const std::vector<float>& OnnxOperation::floats(std::size_t i) const {
  const auto* numbers = std::get_if<std::vector<float>>(&constant(i).values);
  if (numbers == nullptr) refuse(fmt::format("its input '{}' must be float numbers", node_.inputs[i]));
  return *numbers;
}

double OnnxOperation::number(std::size_t i) const {
  const std::vector<double> numbers = doubles(constant(i));
  if (numbers.size() != 1) refuse(fmt::format("its input '{}' must be a single number", node_.inputs[i]));
  return numbers[0];
}

std::vector<std::int64_t> OnnxOperation::integers(std::size_t i) const {
  const auto* numbers = std::get_if<std::vector<std::int64_t>>(&constant(i).values);
  if (numbers == nullptr) refuse(fmt::format("its input '{}' must be whole numbers", node_.inputs[i]));
  return *numbers;
}

std::vector<std::int64_t> OnnxOperation::list(std::string_view name, std::size_t i,
                                              const std::vector<std::int64_t>& when_absent) {
  if (has(i)) return integers(i);
  return attributes.list(std::string(name), when_absent);
}

const OnnxView& OnnxOperation::view(std::size_t i) const {
  const auto* known = std::get_if<OnnxView>(&input(i));
  if (known == nullptr)
    refuse(fmt::format("its input '{}' is a constant, but numbers of the network are needed", node_.inputs[i]));
  return *known;
}

OnnxView OnnxOperation::whole(const OnnxView& view) {
  if (!view.pads.empty()) refuse("only a window may follow a Pad");
  if (view.edge >= kAttentionEdges) refuse("scores of an attention are used for something else");
  OnnxView result{settled(view.edge, view.function), view.order, {}, {}, 0};
  if (result.order.offset != 0 || !cover(result.order.all_runs(), count_of(result.edge))) result = selected(result);
  return result;
}

/// The first or the last of the time steps, or whatever the last extent is.
OnnxView OnnxOperation::selected(const OnnxView& view) {
  const Axis runs = view.order.all_runs();
  const std::int64_t count = count_of(view.edge);
  const auto fail = [&] {
    refuse(fmt::format("it takes ({}) of {}, a part that no layer takes", fmt::join(view.order.shape(), ", "),
                       tensor::text(shape_of(view.edge))));
  };
  Axis sorted = runs;
  std::sort(sorted.begin(), sorted.end(), [](const Run& a, const Run& b) { return a.stride > b.stride; });
  sorted = merged(sorted);
  if (sorted.size() != 1 || sorted[0].extent * sorted[0].stride != count) fail();
  const std::int64_t steps = sorted[0].stride, features = sorted[0].extent;
  if (view.order.offset != 0 && view.order.offset != steps - 1) fail();
  const auto [found, is_new] = reading_.selected_.try_emplace({view.edge, steps, view.order.offset}, -1);
  if (is_new && view.order.offset != 0) {
    found->second = layer("RecurrentLast", {}, reshaped(view.edge, {features, steps}), "_last");
  } else if (is_new) {
    const int columns = reshaped(view.edge, {features, 1, steps});
    const base::json::object once{{"str_h", 1}, {"str_w", steps}};
    found->second = layer("Pooling", {{"fshape", 1}, {"strides", once}}, columns, "_first");
  }
  OnnxView result{found->second, view.order, {}, {}, 0};
  result.order.offset = 0;
  for (Axis& axis : result.order.axes)
    for (Run& run : axis)
      if (run.stride != kBatch) run.stride /= steps;
  return result;
}

// --- edges in the shapes that layers want

int OnnxOperation::reshaped(int edge, const tensor::Shape& shape) {
  if (shape_of(edge) == shape) return edge;
  const auto [found, is_new] = reading_.reshaped_.try_emplace({edge, shape}, -1);
  if (is_new) {
    base::json::array extents;
    for (const std::int64_t extent : shape) extents.emplace_back(extent);
    found->second = layer("Reshape", {{"reshape", std::move(extents)}}, edge, "_shape");
  }
  return found->second;
}

int OnnxOperation::maps(const OnnxView& view) {
  const Strided& order = view.order;
  if (order.rank() < 3 || order.rank() > 5 || !order.is_batch(0))
    refuse(fmt::format("its input ({}) is none of (n, c, w), (n, c, h, w) and (n, c, d, h, w)",
                       fmt::join(order.shape(), ", ")));
  const std::int64_t count = count_of(view.edge);
  if (count > 1 && order.all_runs() != Axis{{count, 1}})
    refuse(fmt::format("its input ({}) lies in another order than {}, which no layer changes",
                       fmt::join(order.shape(), ", "), tensor::text(shape_of(view.edge))));
  tensor::Shape sample = order.shape();
  sample.erase(sample.begin());
  if (sample.size() == 2) sample.insert(sample.begin() + 1, 1);
  return reshaped(view.edge, sample);
}

int OnnxOperation::features_first(const OnnxView& view, std::size_t axis) {
  const std::int64_t features = view.order.extent(axis), rest = count_of(view.edge) / features;
  if (view.order.runs({axis}) != merged({{features, rest}}))
    refuse(fmt::format("its input ({}) lies in another order than {}, which no layer changes",
                       fmt::join(view.order.shape(), ", "), tensor::text(shape_of(view.edge))));
  if (shape_of(view.edge)[0] == features) return view.edge;
  return reshaped(view.edge, rest == 1 ? tensor::Shape{features} : tensor::Shape{features, rest});
}

int OnnxOperation::sequence(const OnnxView& view, std::size_t features_axis, std::int64_t steps) {
  const std::int64_t features = view.order.extent(features_axis);
  if (view.order.runs({features_axis}) != merged({{features, steps}}) || features * steps != count_of(view.edge))
    refuse(fmt::format("its input ({}) has features behind time steps where {} has them before, and no layer turns it",
                       fmt::join(view.order.shape(), ", "), tensor::text(shape_of(view.edge))));
  return reshaped(view.edge, {features, steps});
}

OnnxView OnnxOperation::of_maps(int edge, std::size_t rank) const {
  tensor::Shape sample = shape_of(edge);
  if (rank == 3) sample = {sample[0], rest_of(sample)};
  return {edge, in_order_behind_batch(batch(), sample), {}, {}, 0};
}

// --- what comes out

void OnnxOperation::put(OnnxKnown value, std::size_t output) {
  if (const auto* made = std::get_if<OnnxConstant>(&value)) {
    const bool passed_on = std::any_of(node_.inputs.begin(), node_.inputs.end(), [&](const std::string& name) {
      const auto* other = name.empty() ? nullptr : std::get_if<OnnxConstant>(&reading_.known_.at(name));
      return other != nullptr && *other == *made;
    });
    if (!passed_on) reading_.count_numbers(count_in(**made));
  }
  reading_.known_[node_.outputs.at(output)] = std::move(value);
}

void OnnxOperation::put_integers(const std::vector<std::int64_t>& values, tensor::Shape shape) {
  put(std::make_shared<const OnnxTensor>(OnnxTensor{{}, std::move(shape), values}));
}

bool OnnxOperation::used_once(std::size_t i) const { return reading_.uses_.at(node_.inputs[i]) == 1; }

bool OnnxOperation::is_last() const {
  const std::string& output = node_.outputs.at(0);
  const auto& outputs = reading_.outputs_;
  const auto uses = reading_.uses_.find(output);
  return uses != reading_.uses_.end() && uses->second == 1 &&
         std::any_of(outputs.begin(), outputs.end(), [&](const OnnxValue& value) { return value.name == output; });
}

bool OnnxOperation::wants(std::size_t output) const {
  if (output >= node_.outputs.size() || node_.outputs[output].empty()) return false;
  return reading_.uses_.contains(node_.outputs[output]);
}

int OnnxOperation::layer(const std::string& type, base::json::object config, int in, std::string_view ending) {
  base::json::object named{{"name", reading_.name_for(node_, ending)}};
  named.insert(config.begin(), config.end());
  Part part{type, std::move(named), {}};
  const int out = reading_.builder_.add(part, {in})[0];
  reading_.parts_.push_back(std::move(part));
  return out;
}

int OnnxOperation::activation(base::json::value transform, int in, std::string_view ending) {
  return layer("Activation", {{"transform", std::move(transform)}}, in, ending);
}

int OnnxOperation::sum(const std::vector<int>& in) {
  const std::string name = reading_.name_for(node_, "");
  const int out = merge_sum(reading_.builder_, "MergeSum", name, in)[0];
  reading_.parts_.push_back({"MergeSum", {{"name", name}}, {}});
  return out;
}

int OnnxOperation::joined(const std::vector<int>& in, Merge merge) {
  const std::string name = reading_.name_for(node_, "");
  const int out = merge_concat(reading_.builder_, "MergeBroadcast", name, in, merge)[0];
  for (const auto& [value, word] : enumerators(Merge()))
    if (value == merge)
      reading_.parts_.push_back({"MergeBroadcast", {{"name", name}, {"merge", std::string(word)}}, {}});
  return out;
}

void OnnxOperation::parameter(std::string_view name, const tensor::Shape& shape, std::vector<float> values) {
  const Node& node = reading_.graph_.nodes.back();
  reading_.count_numbers(values.size());
  for (const ParameterSpec& spec : node.parameters) {
    if (spec.name != name) continue;
    if (spec.shape != shape)
      refuse(
          fmt::format("its weights are {}, but what goes in needs {}", tensor::text(shape), tensor::text(spec.shape)));
    if (spec.transposed) {
      const std::vector<float> kernel_order = values;
      for (std::int64_t r = 0; r < spec.rows; ++r)
        for (std::int64_t c = 0; c < spec.columns; ++c)
          values[static_cast<std::size_t>(r * spec.columns + c)] =
              kernel_order[static_cast<std::size_t>(c * spec.rows + r)];
    }
    reading_.parameters_[node.index].push_back(
        {fmt::format("{}/{}", node.name, name), {spec.rows, spec.columns}, std::move(values)});
    return;
  }
  throw base::Error(base::Code::internal, fmt::format("'{}' has no parameter '{}'", node.name, name));
}

// --- functions of single numbers

int OnnxOperation::settled(int edge, const FunctionOfX& function) {
  if (!function) return edge;
  const auto found = reading_.settled_.find({edge, function.get()});
  if (found != reading_.settled_.end()) return found->second;
  // Layers are called after the operator that the function ends with.
  OnnxOperation last(reading_, *function->node);
  const auto made = [&](std::span<const double> y, int in) -> std::optional<int> {
    if (const auto line = linear(y)) {
      int out = in;
      if (line->factor != 1)
        out =
            last.activation(base::json::object{{"type", "Normalizer"},
                                               {"config", base::json::object{{"divisor", decimal(1 / line->factor)}}}},
                            out);
      if (line->term == 0) return out;
      OnnxView all{out, in_order_behind_batch(batch(), shape_of(out)), {}, {}, 0};
      const auto channels = static_cast<std::size_t>(shape_of(out)[0]);
      return last.plus_bias(all, std::vector<float>(channels, static_cast<float>(line->term))).edge;
    }
    if (auto transform = activation_giving(y)) return last.activation(std::move(*transform), in);
    return {};
  };
  std::optional<int> result = made(function->y, edge);
  const auto& operands = function->operands;
  if (!result && operands.size() == 1) {
    const int before = settled(edge, operands[0]);
    result = made(applied(function->formula, {nullptr}, *function->node)->y, before);
  }
  if (!result && operands.size() == 2 && function->node->op == "Add")
    result = last.sum({settled(edge, operands[0]), settled(edge, operands[1])});
  if (!result) last.refuse("no activation computes what it does to numbers");
  reading_.kept_.push_back(function);
  reading_.settled_[{edge, function.get()}] = *result;
  return *result;
}

OnnxView OnnxOperation::function_of(OnnxView view, const Formula& formula) const {
  if (!view.pads.empty()) refuse("only a window may follow a Pad");
  view.function = applied(formula, {view.function}, node_);
  return view;
}

void OnnxOperation::element_wise(const std::vector<std::size_t>& inputs, const Formula& formula) {
  if (!try_element_wise(inputs, formula))
    refuse("it joins numbers of several layers, or of a layer and of the file, in a way that no layer does");
}

bool OnnxOperation::try_element_wise(const std::vector<std::size_t>& inputs, const Formula& formula) {
  const bool all = std::all_of(inputs.begin(), inputs.end(), [&](std::size_t i) { return is_constant(i); });
  if (all) {
    std::vector<const OnnxTensor*> operands;
    bool whole = true;
    for (const std::size_t i : inputs) {
      operands.push_back(&constant(i));
      whole = whole && std::holds_alternative<std::vector<std::int64_t>>(operands.back()->values);
    }
    put(std::make_shared<const OnnxTensor>(computed(operands, formula, whole)));
    return true;
  }
  const OnnxView* first = nullptr;
  std::size_t most = 0;  // extents of a constant
  std::vector<FunctionOfX> functions;
  std::vector<std::optional<double>> numbers;  // of constants
  for (const std::size_t i : inputs) {
    numbers.emplace_back();
    if (is_constant(i)) {
      if (doubles(constant(i)).size() != 1) return false;
      numbers.back() = number(i);
      most = std::max(most, constant(i).shape.size());
      continue;
    }
    const OnnxView& it = view(i);
    if (!it.pads.empty() || (first != nullptr && (it.edge != first->edge || it.order != first->order))) return false;
    first = first == nullptr ? &it : first;
    functions.push_back(it.function);
  }
  if (most > first->order.rank()) return false;
  OnnxView result = *first;
  const Formula of_views = [formula, numbers](std::span<const double> x) {
    std::vector<double> values;
    std::size_t next = 0;
    for (const std::optional<double>& number : numbers) values.push_back(number ? *number : x[next++]);
    return formula(values);
  };
  result.function = applied(of_views, std::move(functions), node_);
  put(std::move(result));
  return true;
}

// --- dense layers, sums and factors

OnnxView OnnxOperation::product(const OnnxView& given, std::size_t features_axis, std::int64_t nout, std::int64_t nin,
                                const std::vector<float>& w) {
  OnnxView x = whole(given);
  const Axis features = x.order.runs({features_axis}), rows = x.order.runs_besides(features_axis);
  if (x.order.extent(features_axis) != nin || extent_of(features) != nin)
    refuse(fmt::format("its weights take {} features, but ({}) come in", nin, fmt::join(x.order.shape(), ", ")));
  const std::int64_t steps = extent_of(rows);
  const bool apart = cover(rows, steps) &&
                     std::all_of(features.begin(), features.end(), [&](const Run& r) { return r.stride % steps == 0; });
  if (!apart)
    refuse(fmt::format("its input ({}) has features behind time steps where {} has them before, and no layer turns it",
                       fmt::join(x.order.shape(), ", "), tensor::text(shape_of(x.edge))));
  // Features of the file in neon's order.
  const std::vector<std::int64_t> at = places(features);
  std::vector<float> ordered(w.size());
  for (std::int64_t o = 0; o < nout; ++o)
    for (std::int64_t i = 0; i < nin; ++i)
      ordered[static_cast<std::size_t>(o * nin + at[static_cast<std::size_t>(i)] / steps)] =
          w[static_cast<std::size_t>(o * nin + i)];
  const tensor::Shape& shape = shape_of(x.edge);
  int in = x.edge;
  if (steps > 1)
    in = reshaped(in, {nin, steps});
  else if (shape.size() == 2 && shape[1] > 1)
    in = reshaped(in, {nin});
  x.edge = layer("Linear", {{"nout", nout}, {"init", kInit}}, in);
  parameter("W", {nout, nin}, std::move(ordered));
  x.order.axes[features_axis] = nout == 1 ? Axis{} : Axis{{nout, steps}};
  return x;
}

OnnxView OnnxOperation::plus_bias(const OnnxView& x, const std::vector<float>& bias) {
  OnnxView result = whole(x);
  result.edge = layer("Bias", {{"init", kZeros}}, result.edge, "_bias");
  parameter("W", {static_cast<std::int64_t>(bias.size())}, bias);
  return result;
}

/// What a constant is for each number of an edge, or for each of its feature maps if it does not vary within them.
OnnxOperation::Spread OnnxOperation::spread(const OnnxView& x, const OnnxTensor& constant) const {
  const std::size_t rank = x.order.rank(), ahead = rank - std::min(rank, constant.shape.size());
  const Strided own = in_order(constant.shape);
  Axis varying, there, others;
  bool fits = constant.shape.size() <= rank;
  for (std::size_t axis = 0; fits && axis < rank; ++axis) {
    const Axis runs = x.order.runs({axis});
    const std::int64_t extent = axis < ahead ? 1 : constant.shape[axis - ahead];
    if (extent == 1) {
      others.insert(others.end(), runs.begin(), runs.end());
    } else {
      fits = extent == extent_of(runs);
      varying.insert(varying.end(), runs.begin(), runs.end());
      there.push_back(own.axes[axis - ahead][0]);
    }
  }
  if (!fits)
    refuse(fmt::format("a constant of {} does not fit ({})", tensor::text(constant.shape),
                       fmt::join(x.order.shape(), ", ")));
  const std::int64_t count = count_of(x.edge), rest = rest_of(shape_of(x.edge));
  if (count > (1 << 24)) throw base::Error(base::Code::too_large, "its input is too large to add a constant to");
  Spread result;
  result.by_channel =
      std::all_of(varying.begin(), varying.end(), [&](const Run& run) { return run.stride % rest == 0; });
  if (result.by_channel) {
    Axis over_maps;
    for (const Run& run : others)
      if (run.extent * run.stride > rest)
        over_maps.push_back(run.stride >= rest ? run : Run{run.extent * run.stride / rest, rest});
    others = std::move(over_maps);
  }
  result.values.resize(static_cast<std::size_t>(result.by_channel ? count / rest : count));
  const std::vector<double> numbers = doubles(constant);
  const std::vector<std::int64_t> to = places(varying), from = places(there), again = places(others);
  for (std::size_t i = 0; i < to.size(); ++i)
    for (const std::int64_t more : again)
      result.values.at(static_cast<std::size_t>((to[i] + more) / (result.by_channel ? rest : 1))) =
          static_cast<float>(numbers.at(static_cast<std::size_t>(from[i])));
  return result;
}

/// gamma and beta of the normalisation that gives it, if nobody else reads what that gives.
std::vector<NamedTensor>* OnnxOperation::norm_before(const OnnxView& x) {
  const int producer = reading_.graph_.edges[static_cast<std::size_t>(x.edge)].producer;
  if (producer < 0 || !reading_.graph_.edges[static_cast<std::size_t>(x.edge)].consumers.empty()) return nullptr;
  const std::string& type = reading_.graph_.nodes[static_cast<std::size_t>(producer)].type;
  if (type != "GroupNorm" && type != "LayerNorm" && type != "BatchNorm") return nullptr;
  const auto found = reading_.parameters_.find(producer);
  return found == reading_.parameters_.end() ? nullptr : &found->second;
}

OnnxView OnnxOperation::plus_constant(const OnnxView& given, const OnnxTensor& constant, bool alone) {
  OnnxView x = whole(given);
  const Spread bias = spread(x, constant);
  if (auto* norm = alone ? norm_before(x) : nullptr) {
    for (NamedTensor& tensor : *norm)
      if (tensor.name.ends_with("/beta") && tensor.values.size() == bias.values.size()) {
        for (std::size_t i = 0; i < bias.values.size(); ++i) tensor.values[i] += bias.values[i];
        return x;
      }
  }
  if (!bias.by_channel) x.edge = reshaped(x.edge, {count_of(x.edge)});
  return plus_bias(x, bias.values);
}

OnnxView OnnxOperation::times_constant(const OnnxView& given, const OnnxTensor& constant, bool alone) {
  OnnxView x = whole(given);
  Spread factor = spread(x, constant);
  if (auto* norm = alone ? norm_before(x) : nullptr) {
    bool done = false;
    for (NamedTensor& tensor : *norm) {
      const bool is = tensor.name.ends_with("/gamma") || tensor.name.ends_with("/beta");
      if (!is || tensor.values.size() != factor.values.size()) continue;
      for (std::size_t i = 0; i < factor.values.size(); ++i) tensor.values[i] *= factor.values[i];
      done = true;
    }
    if (done) return x;
  }
  // One filter of one number for each map.
  const auto maps = static_cast<std::int64_t>(factor.values.size());
  tensor::Shape shape = shape_of(x.edge), window{maps, 1, 1, 1, 1};
  base::json::array fshape{1, 1, maps};
  if (!factor.by_channel || shape.size() < 3) shape = {maps, 1, count_of(x.edge) / maps};
  if (shape.size() == 4) {
    fshape = {1, 1, 1, maps};
    window.push_back(1);
  }
  x.edge =
      layer("Convolution", {{"fshape", std::move(fshape)}, {"groups", maps}, {"init", kInit}}, reshaped(x.edge, shape));
  parameter("W", window, std::move(factor.values));
  return x;
}

}  // namespace neon

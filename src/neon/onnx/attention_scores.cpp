#include "neon/onnx/attention_scores.h"

#include <cmath>
#include <numeric>

#include "base/error.h"

namespace neon {
namespace {

/// What is less than this next to other scores has no weight.
constexpr double kHides = -1e4;

OnnxScores& of(OnnxOperation& op, const OnnxView& view) {
  return op.attentions().at(static_cast<std::size_t>(view.edge - kAttentionEdges));
}

/// A view of the same axes whose scores are these.
OnnxView now(OnnxOperation& op, OnnxView view, OnnxScores scores) {
  op.attentions().push_back(std::move(scores));
  view.edge = kAttentionEdges + static_cast<int>(op.attentions().size()) - 1;
  return view;
}

std::vector<std::size_t> all_but_two(std::size_t rank) {
  std::vector<std::size_t> axes(rank - 2);
  std::iota(axes.begin(), axes.end(), std::size_t{0});
  return axes;
}

Axis operator+(Axis a, const Axis& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Heads, their features and time steps must lie as an attention has them: (heads, features, steps).
void check_heads(const OnnxOperation& op, const Strided& order, std::size_t features, std::size_t steps,
                 std::string_view what) {
  const Axis all = merged(order.runs(all_but_two(order.rank())) + order.runs({features}) + order.runs({steps}));
  const std::int64_t count = extent_of(all);
  if (count > 1 && all != Axis{{count, 1}})
    op.refuse(fmt::format("{} ({}) do not lie as heads, features, time steps", what, fmt::join(order.shape(), ", ")));
}

/// Strides of other axes than the last two, in numbers of one head here and there.
void rescale(Strided& order, std::int64_t from, std::int64_t to) {
  for (std::size_t i = 0; i + 2 < order.rank(); ++i)
    for (Run& run : order.axes[i])
      if (run.stride != kBatch) run.stride = run.stride / from * to;
}

Axis run_of(std::int64_t extent, std::int64_t stride) { return merged({{extent, stride}}); }

double factor_of(const OnnxOperation& op, const FunctionOfX& function) {
  const auto line = linear(values_of(function));
  if (!line || line->term != 0) op.refuse("queries, keys and scores of an attention may only be scaled");
  return line->factor;
}

}  // namespace

OnnxView scores(OnnxOperation& op, const OnnxView& queries, const OnnxView& keys) {
  const std::size_t rank = queries.order.rank();
  if (rank < 3 || keys.order.rank() != rank || !queries.pads.empty() || !keys.pads.empty() ||
      std::max(queries.edge, keys.edge) >= kAttentionEdges)
    op.refuse("it multiplies what two layers give, but not as an attention does");
  for (std::size_t i = 0; i + 2 < rank; ++i)
    if (queries.order.extent(i) != keys.order.extent(i)) op.refuse("queries and keys have different heads");
  check_heads(op, queries.order, rank - 1, rank - 2, "queries");
  check_heads(op, keys.order, rank - 2, rank - 1, "keys");
  OnnxScores made{queries, keys};
  made.width = queries.order.extent(rank - 1);
  made.looking = queries.order.extent(rank - 2);
  made.seen = keys.order.extent(rank - 1);
  if (std::max(made.looking, made.seen) > (1 << 20)) op.refuse("its sequences are too long");
  if (keys.order.extent(rank - 2) != made.width) op.refuse("queries and keys have different features");
  made.heads = extent_of(queries.order.runs(all_but_two(rank)));
  made.factor = factor_of(op, queries.function) * factor_of(op, keys.function);
  OnnxView view;
  view.order = queries.order;
  view.order.offset = 0;
  rescale(view.order, made.width * made.looking, made.looking * made.seen);
  view.order.axes[rank - 2] = run_of(made.looking, made.seen);
  view.order.axes[rank - 1] = run_of(made.seen, 1);
  return now(op, std::move(view), std::move(made));
}

OnnxView masked(OnnxOperation& op, const OnnxView& view, const OnnxTensor& mask) {
  OnnxScores made = of(op, view);
  const std::size_t rank = view.order.rank(), of_mask = mask.shape.size();
  const bool is_of_steps =
      of_mask >= 2 && of_mask <= rank && mask.shape[of_mask - 2] == made.looking &&
      mask.shape[of_mask - 1] == made.seen && tensor::element_count(mask.shape) == made.looking * made.seen &&
      view.order.axes[rank - 2] == run_of(made.looking, made.seen) && view.order.axes[rank - 1] == run_of(made.seen, 1);
  const std::vector<double> numbers = doubles(mask);
  bool hides_none = true, hides_later = is_of_steps;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    hides_none = hides_none && numbers[i] == 0;
    const auto looking = static_cast<std::int64_t>(i) / made.seen, seen = static_cast<std::int64_t>(i) % made.seen;
    hides_later = hides_later && (seen > looking ? numbers[i] <= kHides : numbers[i] == 0);
  }
  if (hides_none) return view;
  if (!hides_later || made.weights) op.refuse("the mask of an attention may hide later steps and nothing else");
  made.causal = true;
  return now(op, view, std::move(made));
}

OnnxView weighed(OnnxOperation& op, const OnnxView& view, std::size_t axis) {
  OnnxScores made = of(op, view);
  if (made.weights || view.order.runs({axis}) != run_of(made.seen, 1))
    op.refuse("the Softmax of an attention must be over the steps that are seen");
  made.weights = true;
  made.factor *= factor_of(op, view.function);
  const double expected = 1 / std::sqrt(static_cast<double>(made.width));
  if (std::abs(made.factor - expected) > 1e-5 * expected)
    op.refuse(
        fmt::format("the scores of an attention of {} features a head must be scaled by {:.6g}, but {:.6g} does it",
                    made.width, expected, made.factor));
  OnnxView result = now(op, view, std::move(made));
  result.function = nullptr;
  return result;
}

OnnxView attended(OnnxOperation& op, const OnnxView& weights, const OnnxView& values) {
  const OnnxScores made = of(op, weights);
  const std::size_t rank = weights.order.rank();
  if (!made.weights || weights.function || values.order.rank() != rank || !values.pads.empty() ||
      values.edge >= kAttentionEdges || weights.order.axes[rank - 2] != run_of(made.looking, made.seen) ||
      weights.order.axes[rank - 1] != run_of(made.seen, 1))
    op.refuse("it multiplies what two layers give, but not as an attention does");
  for (std::size_t i = 0; i + 2 < rank; ++i)
    if (weights.order.extent(i) != values.order.extent(i)) op.refuse("weights and values have different heads");
  check_heads(op, values.order, rank - 1, rank - 2, "values");
  if (values.order.extent(rank - 1) != made.width || values.order.extent(rank - 2) != made.seen)
    op.refuse("keys and values have different features or time steps");
  if (made.looking != made.seen)
    op.refuse(fmt::format("{} steps see {} of another sequence; only attention of a sequence to itself is taken over",
                          made.looking, made.seen));
  // Queries, keys and values one after the other, each of all features of all heads.
  const std::int64_t steps = made.seen, size = made.heads * made.width, each = size * steps;
  const std::pair<int, std::int64_t> parts[]{{made.queries.edge, made.queries.order.offset},
                                             {made.keys.edge, made.keys.order.offset},
                                             {op.settled(values.edge, values.function), values.order.offset}};
  std::vector<int> edges;
  std::int64_t taken = 0;  // of the last one
  const auto ends = [&] { return edges.empty() || taken == op.count_of(edges.back()); };
  for (const auto& [edge, offset] : parts) {
    if (!edges.empty() && !ends() && edges.back() == edge && offset == taken) {
      taken += each;
      continue;
    }
    if (!ends() || offset != 0) op.refuse("queries, keys and values do not lie one after the other");
    edges.push_back(edge);
    taken = each;
  }
  if (!ends()) op.refuse("queries, keys and values are parts of something larger");
  for (int& edge : edges) edge = op.reshaped(edge, {op.count_of(edge) / steps, steps});
  base::json::object config{{"heads", made.heads}};
  if (made.causal) config["causal"] = true;
  const int in = edges.size() == 1 ? edges[0] : op.joined(edges, Merge::depth);
  OnnxView result{
      op.layer("Attention", std::move(config), in, edges.size() == 1 ? "" : "_heads"), weights.order, {}, {}, 0};
  rescale(result.order, made.looking * made.seen, made.width * steps);
  result.order.axes[rank - 2] = run_of(steps, 1);
  result.order.axes[rank - 1] = run_of(made.width, steps);
  return result;
}

}  // namespace neon

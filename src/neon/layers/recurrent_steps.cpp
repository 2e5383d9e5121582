#include "base/error.h"
#include "neon/layers/recurrent_layer.h"
#include "tensor/parallel.h"
#include "tensor/threads.h"

namespace neon {
namespace {

using tensor::Layout;
using tensor::Slot;

Layout rows(std::int64_t count, std::int64_t columns) {
  return Layout::row_major(tensor::Dtype::f32, {count, columns});
}

/// A member of the shelf of activations as kernels call it.
class OfShelf final : public tensor::NumberFunction {
 public:
  explicit OfShelf(std::shared_ptr<const Transform> transform)
      : transform_(std::move(transform)), vendor_(transform_->vendor_function()) {}
  void apply(const float* x, float* y, std::int64_t count) const override {
    vendor_ ? tensor::apply(*vendor_, x, y, count) : transform_->apply(x, y, count);
  }
  void differentiate(const float* at, const float* dy, float* dx, std::int64_t count) const override {
    transform_->differentiate(at, dy, dx, count);
  }
  bool derivative_of_input() const override { return transform_->derivative_of_input(); }

 private:
  std::shared_ptr<const Transform> transform_;
  std::optional<tensor::FunctionOf> vendor_;
};

std::shared_ptr<const tensor::NumberFunction> function_of(const std::shared_ptr<const Transform>& transform) {
  return transform ? std::make_shared<OfShelf>(transform) : nullptr;
}

/// Those candidates whose inputs and outputs lie as rows.
tensor::Candidates in_rows(tensor::Candidates list) {
  for (tensor::Candidate& candidate : list)
    candidate.make = [make = std::move(candidate.make)] {
      tensor::Offer offer = make();
      if (offer.kernel &&
          (!offer.kernel->layout(Slot::src).is_row_major() || !offer.kernel->layout(Slot::dst).is_row_major()))
        return tensor::Offer{nullptr, "it wants its rows in another order"};
      return offer;
    };
  return list;
}

/// One direction of a layer.
class Direction {
 public:
  Direction(const RecurrentKind& kind, const Node& node, std::int64_t direction)
      : kind_(kind), node_(node), p_(kind, node.in()), direction_(direction), name_(node.name) {
    if (p_.directions > 1) name_ += direction == 0 ? " onwards" : " backwards";
  }

  /// rows (t·n, inputs) → (t·n, units). If `goes_on`, first_state becomes the last one.
  Value forward(Lowering& lowering, const Value& x, const Value& lengths, const Value& first_state, bool goes_on) {
    recurrence_ = {kind_.cell,
                   p_.steps,
                   lowering.batch_size(),
                   p_.units,
                   direction_ == 1,
                   static_cast<bool>(lengths),
                   static_cast<bool>(first_state),
                   kind_.gives_state || goes_on,
                   function_of(kind_.activation),
                   function_of(kind_.gate_activation)};
    x_ = x;
    lengths_ = lengths;
    const int w = weights(lowering);
    const Value for_input = lowering.part_of(w, p_.for_input(direction_), {p_.sums, p_.inputs});
    const Value bias = lowering.part_of(w, p_.bias(direction_), {p_.sums});
    sums_ = multiply(lowering, name_ + " inputs", x, for_input, kind_.batch_norm ? Value() : bias);
    if (kind_.batch_norm) sums_ = add_bias(lowering, normalise(lowering, sums_), bias);

    const tensor::ThreadScope scope(threads(lowering));
    Value weights[2];
    const tensor::StepProducts products = step_products(lowering, w, false, weights);
    const tensor::Kernel kernel = tensor::recurrent_forward(recurrence_, products);
    states_ = lowering.value(kernel->layout(Slot::dst));
    h_ = states_;
    if (first_state)
      h_ = lowering.part_of(states_.buffer, lowering.batch_size() * p_.units,
                            {p_.steps * lowering.batch_size(), p_.units});
    workspace_ = lowering.workspace(kernel);
    std::vector<std::pair<Slot, int>> buffers{
        {Slot::src, sums_.buffer}, {Slot::dst, states_.buffer}, {Slot::workspace, workspace_}};
    if (lengths) buffers.emplace_back(Slot::src, lengths.buffer);
    if (first_state) buffers.emplace_back(Slot::state, first_state.buffer);
    if (recurrence_.gives_state) {
      last_state_ = lowering.value({lowering.batch_size(), recurrence_.state_size()});
      buffers.emplace_back(Slot::dst, last_state_.buffer);
    }
    lowering.add(name_ + " forward", kernel, with_weights(std::move(buffers), weights));
    if (goes_on) lowering.reorder(last_state_, first_state, name_ + " state for the next batch");
    return h_;
  }
  const Value& last_state() const { return last_state_; }

  struct Gradients {
    Value x, first_state;
  };
  /// Those that are wanted, of those of the results; one of the two may be missing.
  Gradients backward(Lowering& lowering, const Value& dh, const Value& dlast, bool wants_dx, bool wants_dfirst) {
    Gradients gradients;
    const std::int64_t all = p_.steps * lowering.batch_size();
    Value dsums = lowering.value(rows(all, p_.sums)), dgates, dcandidate;
    {
      const tensor::ThreadScope scope(threads(lowering));
      Value weights[2];
      const tensor::StepProducts products = step_products(lowering, this->weights(lowering), true, weights);
      std::vector<std::pair<Slot, int>> buffers{{Slot::src, sums_.buffer},
                                                {Slot::dst, states_.buffer},
                                                {Slot::workspace, workspace_},
                                                {Slot::diff_src, dsums.buffer}};
      if (lengths_) buffers.emplace_back(Slot::src, lengths_.buffer);
      if (dh) buffers.emplace_back(Slot::diff_dst, dh.buffer);
      if (dlast) buffers.emplace_back(Slot::diff_dst, dlast.buffer);
      if (kind_.cell == tensor::Cell::gru) {
        dgates = lowering.value(rows(all, 2 * p_.units));
        dcandidate = lowering.value(rows(all, p_.units));
        buffers.emplace_back(Slot::diff_src, dgates.buffer);
        buffers.emplace_back(Slot::diff_src, dcandidate.buffer);
      }
      if (wants_dfirst) {
        gradients.first_state = lowering.value({lowering.batch_size(), recurrence_.state_size()});
        buffers.emplace_back(Slot::diff_src, gradients.first_state.buffer);
      }
      lowering.add(name_ + " backward",
                   tensor::recurrent_backward(recurrence_, products,
                                              {.of_output = static_cast<bool>(dh),
                                               .of_last_state = static_cast<bool>(dlast),
                                               .of_first_state = wants_dfirst}),
                   with_weights(buffers, weights));
    }
    state_gradients(lowering, dsums, dgates, dcandidate);
    const int dw = w(lowering).gradient;
    const Value db = lowering.part_of(dw, p_.bias(direction_), {p_.sums});
    if (kind_.batch_norm) {
      lowering.add(name_ + " bias gradient", tensor::bias_backward(dsums.layout),
                   {{Slot::diff_dst, dsums.buffer}, {Slot::diff_bias, db.buffer}});
      dsums = through_normalisation(lowering, dsums);
    }
    weights_gradient(lowering, name_ + " input weights", x_, dsums,
                     lowering.part_of(dw, p_.for_input(direction_), {p_.sums, p_.inputs}),
                     kind_.batch_norm ? Value() : db);
    if (!wants_dx) return gradients;
    const Value for_input = lowering.part_of(weights(lowering), p_.for_input(direction_), {p_.sums, p_.inputs});
    gradients.x = multiply(lowering, name_ + " input gradient", dsums, transposed(for_input), {});
    return gradients;
  }

 private:
  Parameter& w(Lowering& lowering) const { return lowering.parameter(node_, "W"); }
  int weights(Lowering& lowering) const { return lowering.plain_weights(w(lowering)).buffer; }
  static Value transposed(const Value& matrix) { return {matrix.buffer, tensor::transposed(matrix.layout)}; }

  int threads(const Lowering& lowering) const {
    return tensor::threads_for_product(static_cast<double>(lowering.batch_size() * p_.sums) *
                                       static_cast<double>(p_.units));
  }

  /// src (n, k)·weightsᵀ (m, k) + bias (m).
  static Value multiply(Lowering& lowering, const std::string& name, const Value& src, const Value& weights,
                        const Value& bias) {
    const tensor::Shape& w = weights.layout.shape();
    const tensor::ThreadScope scope(
        tensor::threads_for_product(static_cast<double>(src.layout.shape()[0] * w[0]) * static_cast<double>(w[1])));
    const tensor::Kernel kernel = lowering.choose(
        name, in_rows(tensor::dense_forward(src.layout, {}, w[0], {lowering.training(), static_cast<bool>(bias), {}})));
    const Value packed = lowering.in_layout(weights, kernel->layout(Slot::weights), name + " weights in another order");
    const Value dst = lowering.value(kernel->layout(Slot::dst));
    std::vector<std::pair<Slot, int>> buffers{
        {Slot::src, src.buffer}, {Slot::weights, packed.buffer}, {Slot::dst, dst.buffer}};
    if (bias) buffers.emplace_back(Slot::bias, bias.buffer);
    lowering.add(name, kernel, buffers);
    return dst;
  }

  /// The kernels that each step runs, and their weights in the order that they want.
  tensor::StepProducts step_products(Lowering& lowering, int w, bool backward, Value* weights) const {
    const auto product = [&](std::int64_t first_sum, std::int64_t sums, Value& packed) {
      Value part = lowering.part_of(w, p_.for_state(direction_) + first_sum * p_.units, {sums, p_.units});
      if (backward) part = transposed(part);
      const tensor::Shape& shape = part.layout.shape();
      const std::string name = name_ + (backward ? " state gradient" : " state");
      const tensor::Kernel kernel =
          lowering.choose(name, in_rows(tensor::dense_forward(rows(lowering.batch_size(), shape[1]), {}, shape[0],
                                                              {lowering.training() && !backward, false, {}})));
      packed = lowering.in_layout(part, kernel->layout(Slot::weights), name + " weights in another order");
      return kernel;
    };
    const bool gru = kind_.cell == tensor::Cell::gru;
    tensor::StepProducts products;
    products.first = product(0, gru ? 2 * p_.units : p_.sums, weights[0]);
    if (gru) products.second = product(2 * p_.units, p_.units, weights[1]);
    return products;
  }

  static std::vector<std::pair<Slot, int>> with_weights(std::vector<std::pair<Slot, int>> buffers,
                                                        const Value* weights) {
    for (int i = 0; i < 2; ++i)
      if (weights[i]) buffers.emplace_back(Slot::weights, weights[i].buffer);
    return buffers;
  }

  /// One product over the rows of all steps that have a step before.
  void state_gradients(Lowering& lowering, const Value& dsums, const Value& dgates, const Value& dcandidate) const {
    const bool from_zeros = !recurrence_.takes_state;
    if (p_.steps == 1 && from_zeros) return;  // gradients start as zeros, and nobody writes these
    const std::int64_t n = lowering.batch_size(), count = (p_.steps - (from_zeros ? 1 : 0)) * n, u = p_.units;
    const int dw = w(lowering).gradient;
    const bool reversed = recurrence_.reversed, gru = kind_.cell == tensor::Cell::gru;
    const Value& of = gru ? dgates : dsums;
    const std::int64_t columns = gru ? 2 * u : p_.sums;
    const Value before = lowering.part_of(states_.buffer, reversed ? n * u : 0, {count, u});
    const Value after = lowering.part_of(of.buffer, reversed || !from_zeros ? 0 : n * columns, {count, columns});
    weights_gradient(lowering, name_ + " state weights", before, after,
                     lowering.part_of(dw, p_.for_state(direction_), {columns, u}), {});
    if (!gru) return;
    const std::int64_t all = p_.steps * n;  // r∘state is 0 where no state is before
    weights_gradient(lowering, name_ + " candidate weights",
                     lowering.part_of(workspace_, tensor::reset_state_offset(recurrence_), {all, u}), dcandidate,
                     lowering.part_of(dw, p_.for_state(direction_) + 2 * u * u, {u, u}), {});
  }

  /// dw (m, k) = dyᵀ (n, m)·x (n, k), and db its columns' sums.
  static void weights_gradient(Lowering& lowering, const std::string& name, const Value& x, const Value& dy,
                               const Value& dw, const Value& db) {
    const tensor::ThreadScope scope(tensor::threads_for_product(
        static_cast<double>(tensor::element_count(x.layout.shape())) * static_cast<double>(dy.layout.shape()[1])));
    const tensor::Kernel kernel =
        lowering.choose(name, tensor::dense_backward_weights({}, x.layout, dy.layout, static_cast<bool>(db)));
    const Value src = lowering.in_layout(x, kernel->layout(Slot::src), name + " input in another order");
    const Value error = lowering.in_layout(dy, kernel->layout(Slot::diff_dst), name + " error in another order");
    const bool direct = kernel->layout(Slot::diff_weights) == dw.layout;
    const Value made = direct ? dw : lowering.value(kernel->layout(Slot::diff_weights));
    std::vector<std::pair<Slot, int>> buffers{
        {Slot::src, src.buffer}, {Slot::diff_dst, error.buffer}, {Slot::diff_weights, made.buffer}};
    if (db) buffers.emplace_back(Slot::diff_bias, db.buffer);
    lowering.add(name, kernel, buffers);
    if (!direct) lowering.reorder(made, dw, name + " in another order");
  }

  Value add_bias(Lowering& lowering, const Value& x, const Value& bias) const {
    const Value y = lowering.value(x.layout);
    lowering.may_replace(x, y);
    lowering.add(name_ + " bias", tensor::bias_forward(x.layout),
                 {{Slot::src, x.buffer}, {Slot::bias, bias.buffer}, {Slot::dst, y.buffer}});
    return y;
  }

  /// This direction's part of one of the tensors of the normalisation.
  Value of_direction(Lowering& lowering, int buffer) const {
    return lowering.part_of(buffer, direction_ * p_.sums, {p_.sums});
  }

  Value normalise(Lowering& lowering, const Value& x) {
    normalised_ = x;
    const tensor::Kernel kernel = tensor::batch_norm_forward(x.layout, kind_.how, lowering.takes_statistics(node_));
    saved_ = lowering.workspace(kernel);
    const Value y = lowering.value(x.layout);
    std::vector<std::pair<Slot, int>> buffers{{Slot::src, x.buffer}, {Slot::dst, y.buffer}, {Slot::workspace, saved_}};
    for (const auto& [slot, name] : {std::pair{Slot::scale, "gamma"}, std::pair{Slot::shift, "beta"},
                                     std::pair{Slot::mean, "gmean"}, std::pair{Slot::variance, "gvar"}})
      buffers.emplace_back(
          slot, of_direction(lowering, lowering.plain_weights(lowering.parameter(node_, name)).buffer).buffer);
    lowering.add(name_ + " normalisation", kernel, buffers);
    return y;
  }

  Value through_normalisation(Lowering& lowering, const Value& dy) const {
    const auto gradient = [&](std::string_view name) {
      return of_direction(lowering, lowering.parameter(node_, name).gradient).buffer;
    };
    if (lowering.takes_statistics(node_))
      lowering.add(name_ + " normalisation sums", tensor::batch_norm_backward_sums(dy.layout, kind_.how),
                   {{Slot::src, normalised_.buffer},
                    {Slot::diff_dst, dy.buffer},
                    {Slot::workspace, saved_},
                    {Slot::diff_scale, gradient("gamma")},
                    {Slot::diff_shift, gradient("beta")}});
    const Value dx = lowering.value(dy.layout);
    lowering.may_replace(dy, dx);
    lowering.add(name_ + " normalisation derivative", tensor::batch_norm_backward_data(dy.layout, kind_.how),
                 {{Slot::src, normalised_.buffer},
                  {Slot::diff_dst, dy.buffer},
                  {Slot::workspace, saved_},
                  {Slot::diff_src, dx.buffer}});
    return dx;
  }

  const RecurrentKind& kind_;
  const Node& node_;
  RecurrentParts p_;
  std::int64_t direction_;
  std::string name_;
  tensor::Recurrence recurrence_;
  Value x_, lengths_, sums_, states_, h_, last_state_, normalised_;  // h_: states_ without the one that was given
  int workspace_ = -1, saved_ = -1;
};

class Steps final : public LayerSteps {
 public:
  Steps(const RecurrentKind& kind, const Node& node)
      : kind_(kind), node_(node), p_(kind, node.in()), in_(kind, node.ins) {
    for (std::int64_t d = 0; d < p_.directions; ++d) directions_.emplace_back(kind, node, d);
  }

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    src_ = srcs[0].layout.shape();
    Value x = srcs[0];
    if (!is_sequence(node_.in())) {  // columns of images are steps
      const Value plain =
          lowering.in_layout(x, Layout::row_major(tensor::Dtype::f32, src_), node_.name + " input in plain order");
      x = plain.reshaped({src_[0], tensor::element_count(src_) / src_[0] / p_.steps, p_.steps});
    }
    x = rows_of_sequence(lowering, x, node_.name + " input");
    const Value lengths = in_.lengths > 0 ? srcs[in_.lengths] : Value();
    Value state;
    if (in_.state > 0)
      state = lowering.in_layout(srcs[in_.state], rows(lowering.batch_size(), node_.ins[in_.state].shape[0]),
                                 node_.name + " state in plain order");
    const bool goes_on = kind_.carries_state() && lowering.carries_states();
    if (goes_on) state = lowering.carried_state({lowering.batch_size(), tensor::parts_of_state(kind_.cell) * p_.units});
    std::vector<Value> xs(directions_.size(), x), hs;
    if (kind_.split_inputs) xs = halves(lowering, x, node_.name + " halves of the input");
    for (std::size_t d = 0; d < directions_.size(); ++d)
      hs.push_back(directions_[d].forward(lowering, xs[d], lengths, state, goes_on));
    std::vector<Value> outs{
        sequence_of_rows(lowering, hs.size() == 1 ? hs[0] : side_by_side(lowering, hs, node_.name + " both directions"),
                         p_.steps, node_.name)};
    if (kind_.gives_state) outs.push_back(directions_[0].last_state());
    return outs;
  }

  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts,
                              const std::vector<bool>& wanted) override {
    Value dy, dlast;
    if (diff_dsts[0]) dy = rows_of_sequence(lowering, diff_dsts[0], node_.name + " error");
    if (diff_dsts.size() > 1 && diff_dsts[1])
      dlast = lowering.in_layout(diff_dsts[1], rows(lowering.batch_size(), node_.outs[1].shape[0]),
                                 node_.name + " error of the state in plain order");
    std::vector<Value> dhs{dy}, dxs, diff_srcs(wanted.size());
    if (directions_.size() > 1) dhs = halves(lowering, dy, node_.name + " halves of the error");
    for (std::size_t d = 0; d < directions_.size(); ++d) {
      const auto [dx, dfirst] =
          directions_[d].backward(lowering, dhs[d], dlast, wanted[0], in_.state > 0 && wanted[in_.state]);
      dxs.push_back(dx);
      if (dfirst) diff_srcs[in_.state] = dfirst;
    }
    if (!wanted[0]) return diff_srcs;
    Value dx = dxs[0];
    if (kind_.split_inputs)
      dx = side_by_side(lowering, dxs, node_.name + " input gradient of both directions");
    else if (dxs.size() > 1)
      dx = sum(lowering, dxs);
    diff_srcs[0] = sequence_of_rows(lowering, dx, p_.steps, node_.name);
    if (is_sequence(node_.in())) return diff_srcs;
    const tensor::Layout plain = Layout::row_major(tensor::Dtype::f32, diff_srcs[0].layout.shape());
    diff_srcs[0] =
        lowering.in_layout(diff_srcs[0], plain, node_.name + " input gradient in plain order").reshaped(src_);
    return diff_srcs;
  }

 private:
  static std::vector<Value> halves(Lowering& lowering, const Value& whole, const std::string& name) {
    const tensor::Shape& shape = whole.layout.shape();
    const std::vector<Layout> layouts(2, rows(shape[0], shape[1] / 2));
    std::vector<Value> parts{lowering.value(layouts[0]), lowering.value(layouts[1])};
    lowering.add(name, tensor::split(whole.layout, layouts, shape[0]),
                 {{Slot::src, whole.buffer}, {Slot::dst, parts[0].buffer}, {Slot::dst, parts[1].buffer}});
    return parts;
  }
  static Value side_by_side(Lowering& lowering, const std::vector<Value>& parts, const std::string& name) {
    const tensor::Shape& shape = parts[0].layout.shape();
    const std::vector<Layout> layouts(2, parts[0].layout);
    const Value whole = lowering.value(rows(shape[0], 2 * shape[1]));
    lowering.add(name, tensor::concat(layouts, whole.layout, shape[0]),
                 {{Slot::src, parts[0].buffer}, {Slot::src, parts[1].buffer}, {Slot::dst, whole.buffer}});
    return whole;
  }
  Value sum(Lowering& lowering, const std::vector<Value>& parts) const {
    const Value whole = lowering.value(parts[0].layout);
    lowering.may_replace(parts[0], whole);
    lowering.add(node_.name + " input gradient of both directions", tensor::sum(parts[0].layout, 2),
                 {{Slot::src, parts[0].buffer}, {Slot::src, parts[1].buffer}, {Slot::dst, whole.buffer}});
    return whole;
  }

  const RecurrentKind& kind_;
  const Node& node_;
  RecurrentParts p_;
  RecurrentInputs in_;
  std::vector<Direction> directions_;
  tensor::Shape src_;
};

}  // namespace

std::unique_ptr<LayerSteps> RecurrentLayer::lower(const Group& group) const {
  return std::make_unique<Steps>(kind_, *group.node);
}

}  // namespace neon

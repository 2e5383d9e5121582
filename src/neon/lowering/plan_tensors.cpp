// The plan's weights, gradients and optimizer states as plain tensors in neon's shapes, and back.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "neon/finite.h"
#include "neon/lowering/plan_state.h"
#include "tensor/threads.h"

namespace neon {
namespace {

/// (rows, columns) to (columns, rows).
std::vector<float> transposed(std::span<const float> values, std::int64_t rows, std::int64_t columns) {
  std::vector<float> result(values.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      result[static_cast<std::size_t>(c * rows + r)] = values[static_cast<std::size_t>(r * columns + c)];
  return result;
}

NamedTensor read(const PlacedParameter& parameter, const std::byte* address, std::string name) {
  const ParameterSpec& spec = *parameter.spec;
  NamedTensor result{std::move(name), {spec.rows, spec.columns}, {}};
  result.values.resize(static_cast<std::size_t>(spec.rows * spec.columns));
  tensor::copy(parameter.layout, address, tensor::Layout::row_major(tensor::Dtype::f32, parameter.layout.shape()),
               result.values.data());
  if (spec.transposed) result.values = transposed(result.values, spec.columns, spec.rows);
  return result;
}

void write(const PlacedParameter& parameter, std::byte* address, std::span<const float> values) {
  const ParameterSpec& spec = *parameter.spec;
  const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, parameter.layout.shape());
  if (!spec.transposed) return tensor::copy(plain, values.data(), parameter.layout, address);
  tensor::copy(plain, transposed(values, spec.rows, spec.columns).data(), parameter.layout, address);
}

std::string name_of(const PlacedParameter& parameter) { return parameter.node->name + "/" + parameter.spec->name; }

/// One tensor of the plan that an import fills.
struct Place {
  std::string name;
  const PlacedParameter* parameter;
  std::byte* data;
};

void fill_places(const std::vector<Place>& places, std::span<const NamedTensor> tensors, std::string_view what) {
  const auto refuse = [](std::string message) { throw base::Error(base::Code::invalid_argument, std::move(message)); };
  std::map<std::string_view, const NamedTensor*> given;
  for (const NamedTensor& tensor : tensors) given[tensor.name] = &tensor;
  // Everything is checked before anything is written.
  for (const Place& place : places) {
    const auto found = given.find(place.name);
    if (found == given.end()) refuse(fmt::format("the {} have no '{}', which the network needs", what, place.name));
    const tensor::Shape expected{place.parameter->spec->rows, place.parameter->spec->columns};
    if (found->second->shape != expected)
      refuse(fmt::format("'{}' should be {}, got {}", place.name, tensor::text(expected),
                         tensor::text(found->second->shape)));
    if (found->second->values.size() != static_cast<std::size_t>(tensor::element_count(expected)))
      refuse(fmt::format("'{}' of {} has {} values", place.name, tensor::text(expected), found->second->values.size()));
  }
  if (given.size() != places.size()) {
    std::set<std::string_view> known;
    for (const Place& place : places) known.insert(place.name);
    for (const auto& [name, tensor] : given)
      if (!known.contains(name)) refuse(fmt::format("the {} have '{}', which the network does not", what, name));
  }
  for (const Place& place : places) write(*place.parameter, place.data, given[place.name]->values);
}

std::vector<Place> parameter_places(const Program& program) {
  std::vector<Place> places;
  for (const PlacedParameter& p : program.parameters) places.push_back({name_of(p), &p, p.weights});
  return places;
}

std::vector<Place> state_places(const Program& program) {
  std::vector<Place> places;
  for (const PlacedParameter& p : program.parameters)
    for (std::size_t i = 0; i < p.states.size(); ++i)
      places.push_back({fmt::format("{}/{}", name_of(p), i), &p, p.states[i]});
  return places;
}

std::vector<Place> gradient_places(const Program& program) {
  std::vector<Place> places;
  for (const PlacedParameter& p : program.parameters)
    if (p.gradient != nullptr) places.push_back({name_of(p), &p, p.gradient});
  return places;
}

std::vector<Place> average_places(const Program& program) {
  std::vector<Place> places;
  for (const PlacedParameter& p : program.parameters)
    if (p.average != nullptr) places.push_back({name_of(p), &p, p.average});
  return places;
}

std::vector<NamedTensor> export_places(const std::vector<Place>& places) {
  std::vector<NamedTensor> tensors;
  for (const Place& place : places) tensors.push_back(read(*place.parameter, place.data, place.name));
  return tensors;
}

}  // namespace

std::vector<NamedTensor> Plan::export_parameters() const { return export_places(parameter_places(state_->program)); }
std::vector<NamedTensor> Plan::export_optimizer_states() const { return export_places(state_places(state_->program)); }

std::vector<NamedTensor> Plan::export_gradients() const { return export_places(gradient_places(state_->program)); }

std::vector<NamedTensor> Plan::export_averages() const { return export_places(average_places(state_->program)); }

std::vector<float> Plan::export_input_gradient() const {
  return {state_->input_gradient.begin(), state_->input_gradient.end()};
}

std::vector<NamedTensor> Plan::batch_statistics(const tensor::Batch& batch, const TrainingStep& step) {
  const Program& program = state_->program;
  const auto learns = [&](const Node* node) {
    return std::any_of(program.parameters.begin(), program.parameters.end(),
                       [&](const PlacedParameter& p) { return p.node == node && p.gradient != nullptr; });
  };
  std::vector<Place> places;
  for (const PlacedParameter& p : program.parameters)
    if (p.spec->rho && learns(p.node)) places.push_back({name_of(p), &p, p.weights});
  // A step keeps rho of what was there: nothing, so that the rest is the batch's.
  const std::vector<NamedTensor> before = export_places(places);
  for (const Place& place : places) std::fill_n(place.data, place.parameter->layout.size_bytes(), std::byte{});
  const tensor::ThreadScope scope(state_->threads);
  state_->run_forward(batch, step);
  std::vector<NamedTensor> taken = export_places(places);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto share = static_cast<float>(1 - *places[i].parameter->spec->rho);
    for (float& value : taken[i].values) value /= share;
  }
  fill_places(places, before, "statistics");
  return taken;
}

namespace {

double norm_of(const std::vector<NamedTensor>& tensors) {
  double sum = 0;
  for (const NamedTensor& tensor : tensors)
    for (const float value : tensor.values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

}  // namespace

double Plan::gradient_norm() const { return norm_of(export_gradients()); }

double Plan::weight_norm() const {
  std::vector<Place> places;
  for (const PlacedParameter& p : state_->program.parameters)
    if (p.spec->trained) places.push_back({name_of(p), &p, p.weights});
  return norm_of(export_places(places));
}

std::string Plan::parameter_not_finite() const {
  const auto finite = [](const PlacedParameter& p, const std::byte* data) {
    return all_finite({reinterpret_cast<const float*>(data), p.count()});
  };
  for (const PlacedParameter& p : state_->program.parameters) {
    if (!finite(p, p.weights)) return fmt::format("{} of layer '{}'", p.spec->name, p.node->name);
    for (const std::byte* state : p.states)
      if (!finite(p, state))
        return fmt::format("the optimizer's state for {} of layer '{}'", p.spec->name, p.node->name);
  }
  return {};
}

std::string Plan::output_not_finite(bool training) {
  const tensor::ThreadScope scope(state_->threads);
  for (const Phase phase : kPhases) {
    if ((phase != Phase::infer) != training) continue;
    std::size_t done = 0;
    for (const State::Output& output : state_->outputs[static_cast<std::size_t>(phase)]) {
      state_->run(phase, done, output.steps);
      done = output.steps;
      if (output.data != nullptr &&
          !all_finite({reinterpret_cast<const float*>(output.data), output.size_bytes / sizeof(float)}))
        return fmt::format("the outputs of layer '{}'", output.node->name);
    }
  }
  return {};
}

void Plan::import_parameters(std::span<const NamedTensor> tensors) {
  fill_places(parameter_places(state_->program), tensors, "parameters");
}

void Plan::import_some_parameters(std::span<const NamedTensor> tensors) {
  std::vector<Place> places = parameter_places(state_->program);
  std::set<std::string_view> given;
  for (const NamedTensor& tensor : tensors) given.insert(tensor.name);
  std::erase_if(places, [&](const Place& place) { return !given.contains(place.name); });
  fill_places(places, tensors, "parameters");
}

void Plan::import_gradients(std::span<const NamedTensor> tensors) {
  fill_places(gradient_places(state_->program), tensors, "gradients");
}

void Plan::import_averages(std::span<const NamedTensor> tensors) {
  fill_places(average_places(state_->program), tensors, "averages");
}

void Plan::swap_averages() {
  for (const PlacedParameter& p : state_->program.parameters)
    if (p.average != nullptr) std::swap_ranges(p.weights, p.weights + p.layout.size_bytes(), p.average);
}

void Plan::import_optimizer_states(std::span<const NamedTensor> tensors) {
  fill_places(state_places(state_->program), tensors, "optimizer states");
}

void Plan::forget_states() {
  for (const State::Carried& carried : state_->carried)
    std::fill_n(reinterpret_cast<float*>(carried.data), carried.count(), 0.0f);
}

std::vector<NamedTensor> Plan::export_carried_states() const {
  std::vector<NamedTensor> tensors;
  for (const State::Carried& carried : state_->carried) {
    if (carried.phase != Phase::train) continue;
    const auto* values = reinterpret_cast<const float*>(carried.data);
    tensors.push_back({carried.node->name + "/state", carried.shape, {values, values + carried.count()}});
  }
  return tensors;
}

void Plan::import_carried_states(std::span<const NamedTensor> tensors) {
  const std::vector<NamedTensor> expected = export_carried_states();
  const bool fits = std::equal(expected.begin(), expected.end(), tensors.begin(), tensors.end(),
                               [](const NamedTensor& a, const NamedTensor& b) {
                                 return a.name == b.name && a.shape == b.shape && a.values.size() == b.values.size();
                               });
  if (!fits)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("the states of sequences that are to go on are of other layers or batches: {} of them, "
                    "where the network carries {}",
                    tensors.size(), expected.size()));
  std::size_t next = 0;
  for (const State::Carried& carried : state_->carried)
    if (carried.phase == Phase::train) {
      const std::vector<float>& values = tensors[next++].values;
      std::copy(values.begin(), values.end(), reinterpret_cast<float*>(carried.data));
    }
}

}  // namespace neon

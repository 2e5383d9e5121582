// The plan's weights, gradients and optimizer states as plain tensors in neon's shapes, and back.
#include <set>

#include "base/error.h"
#include "neon/finite.h"
#include "neon/plan_state.h"
#include "neon/threads.h"

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

NamedTensor read(const Parameter& parameter, const std::byte* address, std::string name) {
  const ParameterSpec& spec = *parameter.spec;
  NamedTensor result{std::move(name), {spec.rows, spec.columns}, {}};
  result.values.resize(static_cast<std::size_t>(spec.rows * spec.columns));
  tensor::copy(parameter.layout, address, tensor::Layout::row_major(tensor::Dtype::f32, parameter.layout.shape()),
               result.values.data());
  if (spec.transposed) result.values = transposed(result.values, spec.columns, spec.rows);
  return result;
}

void write(const Parameter& parameter, std::byte* address, std::span<const float> values) {
  const ParameterSpec& spec = *parameter.spec;
  const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, parameter.layout.shape());
  if (!spec.transposed) return tensor::copy(plain, values.data(), parameter.layout, address);
  tensor::copy(plain, transposed(values, spec.rows, spec.columns).data(), parameter.layout, address);
}

std::string name_of(const Parameter& parameter) { return parameter.node->name + "/" + parameter.spec->name; }

/// One tensor of the plan that an import fills.
struct Place {
  std::string name;
  const Parameter* parameter;
  int buffer;
};

void fill_places(Booking& booking, const std::vector<Place>& places, std::span<const NamedTensor> tensors,
                 std::string_view what) {
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
  for (const Place& place : places) write(*place.parameter, booking.address(place.buffer), given[place.name]->values);
}

std::vector<Place> parameter_places(Booking& booking) {
  std::vector<Place> places;
  for (const Parameter& p : booking.parameters()) places.push_back({name_of(p), &p, p.weights});
  return places;
}

std::vector<Place> state_places(Booking& booking) {
  std::vector<Place> places;
  for (const Parameter& p : booking.parameters())
    for (std::size_t i = 0; i < p.states.size(); ++i)
      places.push_back({fmt::format("{}/{}", name_of(p), i), &p, p.states[i]});
  return places;
}

std::vector<NamedTensor> export_places(const Booking& booking, const std::vector<Place>& places) {
  std::vector<NamedTensor> tensors;
  for (const Place& place : places)
    tensors.push_back(read(*place.parameter, booking.address(place.buffer), place.name));
  return tensors;
}

}  // namespace

std::vector<NamedTensor> Plan::export_parameters() const {
  return export_places(state_->booking, parameter_places(state_->booking));
}
std::vector<NamedTensor> Plan::export_optimizer_states() const {
  return export_places(state_->booking, state_places(state_->booking));
}

std::vector<NamedTensor> Plan::export_gradients() const {
  std::vector<Place> places;
  for (const Parameter& p : state_->booking.parameters())
    if (p.gradient >= 0) places.push_back({name_of(p), &p, p.gradient});
  return export_places(state_->booking, places);
}

std::vector<float> Plan::export_input_gradient() const {
  if (!state_->input_gradient) return {};
  const auto* values = reinterpret_cast<const float*>(state_->booking.address(state_->input_gradient.buffer));
  return {values, values + state_->input_gradient.layout.size_bytes() / sizeof(float)};
}

std::string Plan::parameter_not_finite() const {
  const auto finite = [&](const Parameter& p, int buffer) {
    return all_finite(
        {reinterpret_cast<const float*>(state_->booking.address(buffer)), p.layout.size_bytes() / sizeof(float)});
  };
  for (const Parameter& p : state_->booking.parameters()) {
    if (!finite(p, p.weights)) return fmt::format("{} of layer '{}'", p.spec->name, p.node->name);
    for (const int state : p.states)
      if (!finite(p, state))
        return fmt::format("the optimizer's state for {} of layer '{}'", p.spec->name, p.node->name);
  }
  return {};
}

std::string Plan::output_not_finite(bool training) {
  const Program program = training ? Program::train : Program::infer;
  const ThreadScope scope(state_->threads);
  std::size_t done = 0;
  for (const State::Output& output : state_->outputs[static_cast<std::size_t>(program)]) {
    state_->run(program, done, output.steps);
    done = output.steps;
    const std::byte* at = output.value.buffer < 0 ? nullptr : state_->booking.address(output.value.buffer);
    if (at != nullptr && output.value.layout.dtype() == tensor::Dtype::f32 &&
        !all_finite({reinterpret_cast<const float*>(at), output.value.layout.size_bytes() / sizeof(float)}))
      return fmt::format("the outputs of layer '{}'", output.node->name);
  }
  return {};
}

void Plan::import_parameters(std::span<const NamedTensor> tensors) {
  fill_places(state_->booking, parameter_places(state_->booking), tensors, "parameters");
}

void Plan::import_optimizer_states(std::span<const NamedTensor> tensors) {
  fill_places(state_->booking, state_places(state_->booking), tensors, "optimizer states");
}

}  // namespace neon

#include "neon/checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "neon/finite.h"
#include "neon/safetensors.h"

namespace neon {
namespace {

constexpr std::string_view kFormat = "ncloud checkpoint 1";
constexpr std::string_view kParameters = "parameters/";
constexpr std::string_view kOptimizerStates = "optimizer_states/";
constexpr std::string_view kAverages = "averages/";
constexpr std::string_view kGradientSums = "gradient_sums/";
constexpr std::string_view kCarriedStates = "carried_states/";
constexpr std::string_view kCallbacks = "callbacks/";  // then the callback's number and the tensor's name

/// The sum of costs goes as a hexadecimal floating-point text: decimal readers may miss its last bit, and JSON has no
/// word for the NaN of a training that diverged.
base::json::value text_of(const TrainingPosition& position) {
  base::json::value value = base::encode(position);
  if (!position.finished) value.as_object().erase("finished");
  if (!position.streams) value.as_object().erase("streams");
  if (position.updates == position.step) value.as_object().erase("updates");
  if (position.summed == 0) value.as_object().erase("summed");
  value.as_object()["epoch_cost_sum"] = fmt::format("{:a}", position.epoch_cost_sum);
  return value;
}

TrainingPosition position_of(base::json::value value) {
  base::json::value& sum_text = value.as_object()["epoch_cost_sum"];
  const auto text = base::decode<std::string>(sum_text, "/epoch_cost_sum");
  char* end = nullptr;
  const double sum = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') base::fail_expected("a number", sum_text, "/epoch_cost_sum");
  sum_text = 0.0;
  auto position = base::decode<TrainingPosition>(value);
  if (!value.as_object().contains("updates")) position.updates = position.step;
  position.epoch_cost_sum = sum;
  return position;
}

void add_views(std::vector<TensorView>& views, std::string_view prefix, const std::vector<NamedTensor>& tensors) {
  for (const NamedTensor& tensor : tensors)
    views.push_back({fmt::format("{}{}", prefix, tensor.name), tensor.shape, tensor.values});
}

/// What names of tensors begin with, and where those tensors are, in the order of the file.
template <class AnyCheckpoint>
auto kinds_of_tensors(AnyCheckpoint& checkpoint) {
  return std::array{std::pair{kParameters, &checkpoint.parameters},
                    std::pair{kOptimizerStates, &checkpoint.optimizer_states},
                    std::pair{kAverages, &checkpoint.averages}, std::pair{kGradientSums, &checkpoint.gradient_sums},
                    std::pair{kCarriedStates, &checkpoint.carried_states}};
}

/// The JSON of one piece of metadata.
base::json::value piece(const Metadata& metadata, std::string_view name) {
  for (const auto& [key, value] : metadata)
    if (key == name) return base::parse_json(value, name);
  throw base::Error(base::Code::data_loss, fmt::format("its '{}' is missing", name));
}

struct Input {
  std::string name;
  tensor::Shape shape;
  tensor::Dtype dtype = tensor::Dtype::f32;
  static constexpr auto fields() {
    return std::tuple(base::field("name", &Input::name, "of the tensor"),
                      base::field("shape", &Input::shape, "of one exemplar").required(),
                      base::field("dtype", &Input::dtype, "of its numbers"));
  }
};

std::string text_of(const std::vector<tensor::Column>& inputs) {
  base::json::array list;
  for (const tensor::Column& input : inputs) list.push_back(base::encode(Input{input.name, input.shape, input.dtype}));
  return base::to_text(list);
}

/// Those of the first releases had one input of f32, whose shape was `sample_shape`.
std::vector<tensor::Column> inputs_of(const Metadata& metadata) {
  for (const auto& [key, value] : metadata)
    if (key == "sample_shape") return {{"", base::decode<tensor::Shape>(base::parse_json(value, key))}};
  std::vector<tensor::Column> inputs;
  const base::json::value list = piece(metadata, "inputs");
  for (Input& input : base::decode<std::vector<Input>>(list))
    inputs.push_back({std::move(input.name), std::move(input.shape), input.dtype});
  if (inputs.empty()) throw base::Error(base::Code::data_loss, "it has no inputs");
  return inputs;
}

void add_to_callback(std::vector<NamedCallbackState>& callbacks, NamedTensor tensor) {
  const std::string_view rest = std::string_view(tensor.name).substr(kCallbacks.size());
  std::size_t number = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (read.ec != std::errc() || read.ptr == rest.data() + rest.size() || *read.ptr != '/' || number >= callbacks.size())
    throw base::Error(base::Code::data_loss, fmt::format("tensor '{}' belongs to no callback", tensor.name));
  tensor.name = std::string(read.ptr + 1, rest.data() + rest.size());
  callbacks[number].state.tensors.push_back(std::move(tensor));
}

Checkpoint checkpoint_of(TensorFile file) {
  const Metadata& metadata = file.metadata;
  if (metadata.empty() || metadata.front() != std::pair{std::string("format"), std::string(kFormat)})
    throw base::Error(base::Code::data_loss, fmt::format("expected the format '{}', got '{}'", kFormat,
                                                         metadata.empty() ? "" : metadata.front().second));
  Checkpoint checkpoint;
  checkpoint.spec = ModelSpec::from_json(piece(metadata, "spec"));
  checkpoint.inputs = inputs_of(metadata);
  checkpoint.preprocessing = base::decode<base::json::object>(piece(metadata, "preprocessing"));
  checkpoint.labels = base::decode<std::vector<std::string>>(piece(metadata, "labels"));
  const base::json::value position = piece(metadata, "position");
  checkpoint.position = position_of(base::decode<base::json::object>(position));
  checkpoint.provenance = base::decode<base::json::object>(piece(metadata, "provenance"));
  for (const auto& [key, value] : metadata) {
    if (key != "callbacks") continue;
    const auto states = base::parse_json(value, key);
    for (const auto& item : base::decode<std::vector<base::json::object>>(states))
      checkpoint.callbacks.push_back(
          {base::decode<std::string>(item.at("type")), {base::decode<base::json::object>(item.at("values")), {}}});
  }
  for (NamedTensor& tensor : file.tensors) {
    if (tensor.name.starts_with(kCallbacks)) {
      add_to_callback(checkpoint.callbacks, std::move(tensor));
      continue;
    }
    const auto kinds = kinds_of_tensors(checkpoint);
    const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                   [&](const auto& known) { return tensor.name.starts_with(known.first); });
    if (kind == kinds.end())
      throw base::Error(base::Code::data_loss, fmt::format("tensor '{}' is neither parameter nor state", tensor.name));
    tensor.name.erase(0, kind->first.size());
    kind->second->push_back(std::move(tensor));
  }
  return checkpoint;
}

}  // namespace

namespace {

template <class... To>
void write_to(const Checkpoint& checkpoint, To&&... to) {
  Metadata metadata{{"format", std::string(kFormat)},
                    {"spec", base::to_text(checkpoint.spec.to_json())},
                    {"inputs", text_of(checkpoint.inputs)},
                    {"preprocessing", base::to_text(checkpoint.preprocessing)},
                    {"labels", base::to_text(base::encode(checkpoint.labels))},
                    {"position", base::to_text(text_of(checkpoint.position))},
                    {"provenance", base::to_text(checkpoint.provenance)}};
  if (!checkpoint.callbacks.empty()) {
    base::json::array states;
    for (const NamedCallbackState& callback : checkpoint.callbacks)
      states.push_back(base::json::object{{"type", callback.type}, {"values", callback.state.values}});
    metadata.emplace_back("callbacks", base::to_text(states));
  }
  std::vector<const std::vector<NamedTensor>*> all;
  for (const auto& [prefix, tensors] : kinds_of_tensors(checkpoint)) all.push_back(tensors);
  for (const NamedCallbackState& callback : checkpoint.callbacks) all.push_back(&callback.state.tensors);
  for (const auto* tensors : all)
    for (const NamedTensor& tensor : *tensors)
      if (!all_finite(tensor.values))
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("'{}' holds values that are not finite; such a model is not kept", tensor.name));
  std::vector<TensorView> views;
  for (const auto& [prefix, tensors] : kinds_of_tensors(checkpoint)) add_views(views, prefix, *tensors);
  for (std::size_t i = 0; i < checkpoint.callbacks.size(); ++i)
    add_views(views, fmt::format("{}{}/", kCallbacks, i), checkpoint.callbacks[i].state.tensors);
  write_safetensors(metadata, views, to...);
}

}  // namespace

std::vector<NamedTensor> parameters_of(const Checkpoint& checkpoint, Weights which) {
  const bool evaluated = checkpoint.spec.weight_average && checkpoint.spec.weight_average->evaluate;
  if (which == Weights::average && checkpoint.averages.empty())
    throw base::Error(base::Code::invalid_argument,
                      "the model keeps no average of its weights; it was trained without weight_average");
  std::vector<NamedTensor> parameters = checkpoint.parameters;
  if (which == Weights::newest || (which == Weights::model && !evaluated)) return parameters;
  std::map<std::string_view, const NamedTensor*> averages;
  for (const NamedTensor& average : checkpoint.averages) averages[average.name] = &average;
  for (NamedTensor& parameter : parameters)
    if (const auto found = averages.find(parameter.name); found != averages.end()) parameter = *found->second;
  return parameters;
}

void choose_weights(Checkpoint& checkpoint, Weights which) {
  checkpoint.parameters = parameters_of(checkpoint, which);
  checkpoint.averages.clear();
}

void write_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path) { write_to(checkpoint, path); }

void write_checkpoint(const Checkpoint& checkpoint, const base::Fd& file, std::string_view name_in_errors) {
  write_to(checkpoint, file, name_in_errors);
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  TensorFile file = read_safetensors(path);
  try {
    return checkpoint_of(std::move(file));
  } catch (const base::Error& cause) {
    throw base::Error(base::Code::data_loss, fmt::format("'{}' is damaged: {}", path.string(), cause.message));
  }
}

}  // namespace neon

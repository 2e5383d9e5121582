#include "neon/lowering/lowering.h"

#include <omp.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "tensor/parallel.h"
#include "tensor/threads.h"

namespace neon {
namespace {

std::size_t index_of(int buffer) { return static_cast<std::size_t>(buffer); }

}  // namespace

int Lowering::new_buffer(std::size_t size_bytes, Kind kind) {
  Buffer buffer;
  buffer.size_bytes = size_bytes;
  buffer.kind = kind;
  buffer.phase = phase_;
  buffers_.push_back(buffer);
  return static_cast<int>(buffers_.size()) - 1;
}

Value Lowering::value(const tensor::Layout& layout) { return {new_buffer(layout.size_bytes(), Kind::passing), layout}; }

int Lowering::scratch(std::size_t size_bytes) { return new_buffer(size_bytes, Kind::passing); }

int Lowering::workspace(const tensor::Kernel& kernel) {
  for (const tensor::Argument& argument : kernel->arguments())
    if (argument.slot == tensor::Slot::workspace) return scratch(argument.scratch_bytes);
  throw base::Error(base::Code::internal, fmt::format("the kernel '{}' has no workspace", kernel->name()));
}

int Lowering::lasting(Lasting kind, std::size_t size_bytes) {
  const int id = new_buffer(size_bytes, Kind::lasting);
  buffers_[index_of(id)].lasting = kind;
  return id;
}

Value Lowering::carried_state(const tensor::Shape& shape) {
  const tensor::Layout layout = tensor::Layout::row_major(tensor::Dtype::f32, shape);
  carried_.push_back({node_, phase_, {lasting(Lasting::other, layout.size_bytes()), layout}});
  return carried_.back().value;
}

Value Lowering::external(const tensor::Layout& layout) {
  return {new_buffer(layout.size_bytes(), Kind::outside), layout};
}

int Lowering::fixed(std::byte* address) {
  const int id = new_buffer(0, Kind::outside);
  buffers_[index_of(id)].address = address;
  return id;
}

Value Lowering::part_of(int buffer, std::int64_t first_number, const tensor::Shape& shape) {
  const tensor::Layout layout = tensor::Layout::row_major(tensor::Dtype::f32, shape);
  const int id = new_buffer(layout.size_bytes(), Kind::part);
  buffers_[index_of(id)].whole = buffer;
  buffers_[index_of(id)].offset = static_cast<std::size_t>(first_number) * sizeof(float);
  return {id, layout};
}

void Lowering::may_replace(const Value& src, const Value& dst) {
  if (buffers_[index_of(src.buffer)].kind != Kind::passing || buffers_[index_of(dst.buffer)].kind != Kind::passing)
    return;
  permissions_.push_back({phase_, {static_cast<int>(step_count()), index_of(src.buffer), index_of(dst.buffer)}});
}

void Lowering::keep_to_end(const Value& value) {
  const Buffer& buffer = buffers_[index_of(value.buffer)];
  buffers_[index_of(buffer.kind == Kind::part ? buffer.whole : value.buffer)].to_end = true;
}

Value Lowering::in_layout(const Value& value, const tensor::Layout& layout, const std::string& name) {
  if (value.layout == layout) return value;
  const Value copy = this->value(layout);
  reorder(value, copy, name);
  return copy;
}

void Lowering::reorder(const Value& from, const Value& to, const std::string& name) {
  const auto count = static_cast<std::int64_t>(from.layout.size_bytes() / sizeof(float));
  const tensor::ThreadScope scope(tensor::threads_for(count));
  add(name, tensor::reorder(from.layout, to.layout),
      {{tensor::Slot::src, from.buffer}, {tensor::Slot::dst, to.buffer}});
}

tensor::Kernel Lowering::choose(const std::string& step, const tensor::Candidates& candidates) {
  Choice choice;
  for (const tensor::Candidate& candidate : candidates) {
    if (!only_kernels_.empty() && candidate.name != only_kernels_) {
      choice.refused.emplace_back(candidate.name, "not asked for");
      continue;
    }
    tensor::Offer offer = candidate.make();
    if (offer.kernel) {
      choice.taken = candidate.name;
      choices_[offer.kernel.get()] = std::move(choice);
      return std::move(offer.kernel);
    }
    choice.refused.emplace_back(candidate.name, offer.refusal);
  }
  std::string reasons;
  for (const auto& [name, reason] : choice.refused) reasons += fmt::format("; {}: {}", name, reason);
  throw base::Error(base::Code::internal, fmt::format("no kernel for '{}'{}", step, reasons));
}

void Lowering::touch(int buffer) {
  if (buffers_[index_of(buffer)].kind == Kind::part) return touch(buffers_[index_of(buffer)].whole);
  Buffer& b = buffers_[index_of(buffer)];
  const int step = static_cast<int>(step_count());
  if (b.first < 0) b.first = step;
  b.last = step;
}

void Lowering::add(std::string name, tensor::Kernel kernel, const std::vector<std::pair<tensor::Slot, int>>& buffers) {
  Step step;
  std::vector<bool> used(buffers.size(), false);
  for (const tensor::Argument& argument : kernel->arguments()) {
    std::size_t given = 0;
    while (given < buffers.size() && (used[given] || buffers[given].first != argument.slot)) ++given;
    if (given < buffers.size()) {
      used[given] = true;
      step.buffers.push_back(buffers[given].second);
    } else if (argument.slot == tensor::Slot::scratchpad) {
      step.buffers.push_back(scratch(argument.scratch_bytes));
    } else {
      throw base::Error(base::Code::internal,
                        fmt::format("step '{}' lacks a buffer for its kernel '{}'", name, kernel->name()));
    }
    touch(step.buffers.back());
  }
  step.name = std::move(name);
  step.node = node_;
  step.stage = stage_;
  if (const auto choice = choices_.extract(kernel.get())) step.choice = std::move(choice.mapped());
  step.kernel = std::move(kernel);
  step.threads = omp_get_max_threads();
  steps_[static_cast<std::size_t>(phase_)].push_back(std::move(step));
}

void Lowering::declare(const Node& node, const UpdateNeeds& needs, bool frozen) {
  for (const ParameterSpec& spec : node.parameters) {
    Parameter parameter{&node, &spec};
    parameter.weights = lasting(Lasting::weights, 0);
    if (training_ && spec.trained) {
      parameter.learns = !frozen;
      parameter.gradient = frozen || needs.sums ? scratch(0) : lasting(Lasting::gradients, 0);
      if (!frozen) {
        if (needs.sums) parameter.sum = lasting(Lasting::gradients, 0);
        if (needs.averages) parameter.average = lasting(Lasting::states, 0);
        for (int i = 0; i < needs.states; ++i) parameter.states.push_back(lasting(Lasting::states, 0));
      }
    }
    parameters_.push_back(parameter);
  }
}

void Lowering::share_weights(const Program& other) {
  auto from = other.parameters.begin();
  for (Parameter& parameter : parameters_) {
    parameter.layout = from->layout;
    parameter.weights = fixed(from->weights);
    ++from;
  }
}

Parameter& Lowering::parameter(const Node& node, std::string_view name) {
  for (Parameter& parameter : parameters_)
    if ((parameter.node == &node || parameter.node->index == node.weights_of) && parameter.spec->name == name)
      return parameter;
  throw base::Error(base::Code::internal, fmt::format("layer '{}' has no parameter '{}'", node.name, name));
}

bool Lowering::takes_statistics(const Node& node) const {
  return training() && std::any_of(parameters_.begin(), parameters_.end(), [&](const Parameter& parameter) {
           return (parameter.node == &node || parameter.node->index == node.weights_of) && parameter.learns;
         });
}

void Lowering::settle(Parameter& parameter, const tensor::Layout& layout) {
  parameter.layout = layout;
  const auto resize = [&](int buffer) {
    if (buffer >= 0) buffers_[index_of(buffer)].size_bytes = layout.size_bytes();
  };
  for (const int buffer : parameter.states) resize(buffer);
  for (const int buffer : {parameter.weights, parameter.gradient, parameter.sum, parameter.average}) resize(buffer);
}

Value Lowering::weights(Parameter& parameter, const tensor::Layout& wanted) {
  if (!parameter.layout) settle(parameter, wanted);
  return in_layout({parameter.weights, parameter.layout}, wanted, parameter.node->name + " weights in another order");
}

Value Lowering::plain_weights(Parameter& parameter) {
  return weights(parameter, tensor::Layout::row_major(tensor::Dtype::f32, parameter.spec->shape));
}

Value Lowering::gradient(Parameter& parameter, const tensor::Layout& produced) {
  if (!parameter.layout) settle(parameter, produced);
  if (produced == parameter.layout) return {parameter.gradient, produced};
  return value(produced);
}

void Lowering::deliver(const Value& produced, Parameter& parameter) {
  if (produced.buffer == parameter.gradient) return;
  reorder(produced, {parameter.gradient, parameter.layout}, parameter.node->name + " gradient in another order");
}

std::size_t Lowering::place_lasting() {
  std::size_t end = 0;
  for (const Lasting kind : {Lasting::weights, Lasting::gradients, Lasting::states, Lasting::other})
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      if (buffers_[i].kind != Kind::lasting || buffers_[i].lasting != kind) continue;
      offsets_[i] = end;
      end += aligned(buffers_[i].size_bytes);
    }
  return end;
}

std::size_t Lowering::place_passing(Phase phase) {
  std::vector<Need> needs(buffers_.size());
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const Buffer& b = buffers_[i];
    if (b.kind == Kind::passing && b.phase == phase)
      needs[i] = {b.size_bytes, b.first, b.to_end ? Need::kToTheEnd : b.last};
  }
  std::vector<Replacement> replacements;
  for (const Permission& permission : permissions_)
    if (permission.phase == phase) replacements.push_back(permission.replacement);
  const Placement placement = place(needs, replacements);
  for (std::size_t i = 0; i < buffers_.size(); ++i)
    if (needs[i].first >= 0) offsets_[i] = placement.offsets[i];
  return placement.size_bytes;
}

std::size_t Lowering::place_all() {
  // What no step of this plan reads, such as a branch that prediction leaves out, still comes with checkpoints.
  for (Parameter& parameter : parameters_)
    if (!parameter.layout) settle(parameter, tensor::Layout::row_major(tensor::Dtype::f32, parameter.spec->shape));
  offsets_.assign(buffers_.size(), 0);
  lasting_bytes_ = place_lasting();
  // The phases never run at the same time, so their passing buffers share one area.
  passing_bytes_ = 0;
  for (const Phase phase : kPhases) passing_bytes_ = std::max(passing_bytes_, place_passing(phase));
  return lasting_bytes_ + passing_bytes_;
}

Program Lowering::finish() {
  Program program;
  program.arena = tensor::Arena(lasting_bytes_ + passing_bytes_);
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const Buffer& b = buffers_[i];
    const std::size_t at = b.kind == Kind::lasting ? offsets_[i] : lasting_bytes_ + offsets_[i];
    if (b.kind == Kind::part) {  // made after the whole, whose address is therefore known
      program.addresses.push_back(program.addresses[index_of(b.whole)] + b.offset);
      continue;
    }
    program.addresses.push_back(b.kind == Kind::outside ? b.address : program.arena.data() + at);
    if (b.kind != Kind::outside) program.unshared_bytes += aligned(b.size_bytes);
  }
  const auto address = [&](int buffer) { return buffer < 0 ? nullptr : program.address(buffer); };
  for (const Parameter& p : parameters_) {
    PlacedParameter placed{p.node, p.spec, p.layout, address(p.weights)};
    if (p.learns) placed.gradient = address(p.sum >= 0 ? p.sum : p.gradient);
    placed.average = address(p.average);
    for (const int state : p.states) placed.states.push_back(address(state));
    program.parameters.push_back(std::move(placed));
  }
  program.steps = std::move(steps_);
  for (auto& phase : program.steps)
    for (Step& step : phase)
      for (std::size_t i = 0; i < step.buffers.size(); ++i)
        if (std::byte* data = address(step.buffers[i])) step.kernel->bind(i, data);
  return program;
}

}  // namespace neon

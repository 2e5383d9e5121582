#include "neon/booking.h"

#include <omp.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "neon/parallel.h"
#include "neon/threads.h"

namespace neon {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t index_of(int buffer) { return static_cast<std::size_t>(buffer); }

}  // namespace

void Step::bind(std::size_t argument, std::byte* address) {
  memory[argument] = address;
  if (kernel) kernel->bind(slots[argument], address);
}

int Booking::new_buffer(std::size_t size_bytes, Kind kind) {
  const int id = static_cast<int>(buffers_.size());
  Buffer buffer;
  buffer.size_bytes = size_bytes;
  buffer.kind = kind;
  buffer.program = program_;
  buffer.root = id;
  buffers_.push_back(buffer);
  return id;
}

Value Booking::value(const tensor::Layout& layout) { return {new_buffer(layout.size_bytes(), Kind::passing), layout}; }

int Booking::scratch(std::size_t size_bytes) { return new_buffer(size_bytes, Kind::passing); }

int Booking::lasting(Lasting kind, std::size_t size_bytes) {
  const int id = new_buffer(size_bytes, Kind::lasting);
  buffers_[index_of(id)].lasting = kind;
  return id;
}

Value Booking::external(const tensor::Layout& layout) {
  return {new_buffer(layout.size_bytes(), Kind::outside), layout};
}

int Booking::fixed(std::byte* address) {
  const int id = new_buffer(0, Kind::outside);
  buffers_[index_of(id)].address = address;
  return id;
}

void Booking::may_replace(const Value& src, const Value& dst) {
  replacements_.push_back({program_, static_cast<int>(steps(program_).size()), src.buffer, dst.buffer});
}

Value Booking::in_layout(const Value& value, const tensor::Layout& layout, const std::string& name) {
  if (value.layout == layout) return value;
  const Value copy = this->value(layout);
  reorder(value, copy, name);
  return copy;
}

void Booking::reorder(const Value& from, const Value& to, const std::string& name) {
  const ThreadScope scope(threads_for(static_cast<std::int64_t>(from.layout.size_bytes() / sizeof(float))));
  add(name, tensor::reorder(from.layout, to.layout),
      {{tensor::Slot::src, from.buffer}, {tensor::Slot::dst, to.buffer}});
}

void Booking::touch(int buffer) {
  Buffer& b = buffers_[index_of(buffer)];
  const int step = static_cast<int>(steps(program_).size());
  if (b.first < 0) b.first = step;
  b.last = step;
}

void Booking::add(std::string name, tensor::Kernel kernel, std::vector<std::pair<tensor::Slot, int>> buffers) {
  if (const auto& scratchpad = kernel.layout(tensor::Slot::scratchpad))
    buffers.emplace_back(tensor::Slot::scratchpad, scratch(scratchpad.size_bytes()));
  Step step;
  step.name = std::move(name);
  for (const auto& [slot, buffer] : buffers) {
    step.slots.push_back(slot);
    step.buffers.push_back(buffer);
    touch(buffer);
  }
  step.kernel = std::move(kernel);
  step.threads = omp_get_max_threads();
  steps(program_).push_back(std::move(step));
}

void Booking::add(std::string name, std::vector<int> buffers, OwnKernel own) {
  for (const int buffer : buffers) touch(buffer);
  Step step;
  step.name = std::move(name);
  step.buffers = std::move(buffers);
  step.own = std::move(own);
  step.threads = omp_get_max_threads();
  steps(program_).push_back(std::move(step));
}

void Booking::keep_to_end(const Value& value) { buffers_[index_of(value.buffer)].to_end = true; }

void Booking::declare(const Node& node, const std::function<int(const ParameterSpec&)>& states_each) {
  for (const ParameterSpec& spec : node.parameters) {
    Parameter parameter{&node, &spec};
    parameter.weights = lasting(Lasting::weights, 0);
    if (training_ && spec.trained) {
      parameter.gradient = lasting(Lasting::gradients, 0);
      for (int i = 0; i < states_each(spec); ++i) parameter.states.push_back(lasting(Lasting::states, 0));
    }
    parameters_.push_back(parameter);
  }
}

Parameter& Booking::parameter(const Node& node, std::string_view name) {
  for (Parameter& parameter : parameters_)
    if (parameter.node == &node && parameter.spec->name == name) return parameter;
  throw base::Error(base::Code::internal, fmt::format("layer '{}' has no parameter '{}'", node.name, name));
}

void Booking::place(Parameter& parameter, const tensor::Layout& layout) {
  parameter.layout = layout;
  for (const int buffer : parameter.states) buffers_[index_of(buffer)].size_bytes = layout.size_bytes();
  if (parameter.gradient >= 0) buffers_[index_of(parameter.gradient)].size_bytes = layout.size_bytes();
  buffers_[index_of(parameter.weights)].size_bytes = layout.size_bytes();
}

Value Booking::weights(Parameter& parameter, const tensor::Layout& wanted) {
  if (!parameter.layout) place(parameter, wanted);
  return in_layout({parameter.weights, parameter.layout}, wanted, parameter.node->name + " weights in another order");
}

Value Booking::gradient(Parameter& parameter, const tensor::Layout& produced) {
  if (!parameter.layout) place(parameter, produced);
  if (produced == parameter.layout) return {parameter.gradient, produced};
  return value(produced);
}

void Booking::deliver(const Value& produced, Parameter& parameter) {
  if (produced.buffer == parameter.gradient) return;
  reorder(produced, {parameter.gradient, parameter.layout}, parameter.node->name + " gradient in another order");
}

int Booking::root_of(int buffer) const {
  while (buffers_[index_of(buffer)].root != buffer) buffer = buffers_[index_of(buffer)].root;
  return buffer;
}

void Booking::find_lifetimes() {
  for (const Replacement& r : replacements_) {
    Buffer& src = buffers_[index_of(root_of(r.src))];
    Buffer& dst = buffers_[index_of(r.dst)];
    const bool fits = src.kind == Kind::passing && dst.kind == Kind::passing && src.size_bytes == dst.size_bytes;
    if (!fits || src.to_end || src.program != r.program || src.last != r.step || dst.first != r.step) continue;
    dst.root = root_of(r.src);
    src.last = dst.last;
    src.to_end = dst.to_end;
  }
}

std::size_t Booking::place_lasting(std::vector<std::size_t>& offsets) const {
  std::size_t end = 0;
  for (const Lasting kind : {Lasting::weights, Lasting::gradients, Lasting::states, Lasting::other})
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      if (buffers_[i].kind != Kind::lasting || buffers_[i].lasting != kind) continue;
      offsets[i] = end;
      end += aligned(buffers_[i].size_bytes);
    }
  return end;
}

std::size_t Booking::place_passing(Program program, std::vector<std::size_t>& offsets) const {
  // Largest first, each at the lowest place that no buffer alive at the same time holds.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const Buffer& b = buffers_[i];
    if (b.kind == Kind::passing && b.program == program && b.root == static_cast<int>(i) && b.first >= 0)
      order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers_[a].size_bytes > buffers_[b].size_bytes; });
  const auto last_of = [](const Buffer& b) { return b.to_end ? std::numeric_limits<int>::max() : b.last; };
  std::size_t end = 0;
  for (std::size_t placed = 0; placed < order.size(); ++placed) {
    const Buffer& b = buffers_[order[placed]];
    std::vector<std::pair<std::size_t, std::size_t>> taken;  // [begin, end)
    for (std::size_t other = 0; other < placed; ++other) {
      const Buffer& o = buffers_[order[other]];
      if (o.first <= last_of(b) && b.first <= last_of(o))
        taken.emplace_back(offsets[order[other]], offsets[order[other]] + aligned(o.size_bytes));
    }
    std::sort(taken.begin(), taken.end());
    std::size_t offset = 0;
    for (const auto& [from, to] : taken) {
      if (from >= offset + aligned(b.size_bytes)) break;
      offset = std::max(offset, to);
    }
    offsets[order[placed]] = offset;
    end = std::max(end, offset + aligned(b.size_bytes));
  }
  return end;
}

std::size_t Booking::place_all() {
  find_lifetimes();
  offsets_.assign(buffers_.size(), 0);
  lasting_bytes_ = place_lasting(offsets_);
  // The programs never run at the same time, so their passing buffers share one area.
  passing_bytes_ = std::max(place_passing(Program::train, offsets_), place_passing(Program::infer, offsets_));
  return lasting_bytes_ + passing_bytes_;
}

tensor::Arena Booking::settle() {
  tensor::Arena arena(lasting_bytes_ + passing_bytes_);
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    Buffer& b = buffers_[i];
    if (b.kind == Kind::outside) continue;
    const std::size_t at =
        b.kind == Kind::lasting ? offsets_[i] : lasting_bytes_ + offsets_[index_of(root_of(static_cast<int>(i)))];
    b.address = arena.data() + at;
  }
  for (auto& program : programs_)
    for (Step& step : program) {
      step.memory.resize(step.buffers.size());
      for (std::size_t i = 0; i < step.buffers.size(); ++i) step.bind(i, address(step.buffers[i]));
    }
  return arena;
}

std::size_t Booking::unshared_bytes() const {
  return std::accumulate(buffers_.begin(), buffers_.end(), std::size_t{0}, [](std::size_t sum, const Buffer& b) {
    return b.kind == Kind::outside ? sum : sum + aligned(b.size_bytes);
  });
}

}  // namespace neon

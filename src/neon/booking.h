#pragma once
// From layers to a list of steps: layers declare buffers and steps; the booking finds how long each buffer lives, gives
// every buffer its place in one arena, and binds the steps to it.
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "neon/layer.h"
#include "neon/optimizer.h"
#include "tensor/arena.h"
#include "tensor/kernel.h"

namespace neon {

/// A tensor that flows between steps: a buffer and how it lies in it.
struct Value {
  int buffer = -1;
  tensor::Layout layout;
  explicit operator bool() const { return buffer >= 0; }
  /// The same bytes under another shape; row-major only.
  Value reshaped(const tensor::Shape& shape) const { return {buffer, layout.reshaped(shape)}; }
};

/// What changes from one run of the steps to the next.
struct StepContext {
  StepScalars scalars;
  std::uint64_t seed = 0;
};

/// A kernel of our own. memory[i] is the address of the i-th buffer named when the step was added.
using OwnKernel = std::function<void(std::byte* const* memory, const StepContext& context)>;

struct Step {
  std::string name;
  std::vector<int> buffers;
  std::vector<tensor::Slot> slots;       ///< of `kernel`, one per buffer
  std::optional<tensor::Kernel> kernel;  ///< either this or `own`
  OwnKernel own;
  std::vector<std::byte*> memory;  ///< one address per buffer
  int threads = 1;                 ///< OpenMP threads that it was made with and must run with

  void run(const StepContext& context) const {
    if (kernel)
      kernel->run();
    else
      own(memory.data(), context);
  }
  void bind(std::size_t argument, std::byte* address);
};

/// A learned tensor of one node and the buffers that belong to it.
struct Parameter {
  const Node* node = nullptr;
  const ParameterSpec* spec = nullptr;
  tensor::Layout layout;  ///< empty until a layer's kernel has chosen
  int weights = -1, gradient = -1;
  std::vector<int> states;
};

/// The lists of steps of a plan.
enum class Program { train, infer };

class Booking {
 public:
  Booking(std::int64_t batch_size, bool training) : batch_size_(batch_size), training_(training) {}

  std::int64_t batch_size() const { return batch_size_; }
  /// Whether the steps being added train: forward steps keep what backward steps need.
  bool training() const { return program_ == Program::train; }
  void begin(Program program) { program_ = program; }

  /// A tensor that lives from the first to the last step that names it.
  Value value(const tensor::Layout& layout);
  Value value(const tensor::Shape& shape) { return value(tensor::Layout::row_major(tensor::Dtype::f32, shape)); }
  int scratch(std::size_t size_bytes);
  /// A buffer that lives as long as the plan and starts as zeros. Buffers of one kind lie one after the other.
  enum class Lasting { weights, gradients, states, other };
  int lasting(Lasting kind, std::size_t size_bytes);
  /// A buffer whose address comes with each step.
  Value external(const tensor::Layout& layout);
  /// An address that is known already.
  int fixed(std::byte* address);

  /// `dst` may take the place of `src` if the next step added is the last that names `src`. Call before adding it.
  void may_replace(const Value& src, const Value& dst);

  /// The value in this layout: itself, or a copy by a reorder step.
  Value in_layout(const Value& value, const tensor::Layout& layout, const std::string& name);
  void reorder(const Value& from, const Value& to, const std::string& name);

  void add(std::string name, tensor::Kernel kernel, std::vector<std::pair<tensor::Slot, int>> buffers);
  void add(std::string name, std::vector<int> buffers, OwnKernel own);

  Parameter& parameter(const Node& node, std::string_view name);
  /// Announces the parameters of a node. Each trained one gets `states_each(spec)` optimizer states when this plan
  /// trains.
  void declare(const Node& node, const std::function<int(const ParameterSpec&)>& states_each);
  std::list<Parameter>& parameters() { return parameters_; }

  /// The parameter for a kernel that wants this layout; the first to ask decides how it is stored.
  Value weights(Parameter& parameter, const tensor::Layout& wanted);
  /// Where a kernel with this layout writes the gradient, then (after the kernel) `deliver` puts it in its place.
  Value gradient(Parameter& parameter, const tensor::Layout& produced);
  void deliver(const Value& produced, Parameter& parameter);

  /// Gives every buffer its place. Returns the bytes that they take.
  std::size_t place_all();
  /// Makes the arena and binds all steps to their places in it.
  tensor::Arena settle();
  std::byte* address(int buffer) const { return buffers_[static_cast<std::size_t>(buffer)].address; }
  /// What all buffers would need if none shared a place.
  std::size_t unshared_bytes() const;

  std::vector<Step>& steps(Program program) { return programs_[static_cast<std::size_t>(program)]; }
  /// Keeps the value until the end of the program.
  void keep_to_end(const Value& value);

 private:
  enum class Kind { passing, lasting, outside };
  struct Buffer {
    std::size_t size_bytes = 0;
    Kind kind = Kind::passing;
    Lasting lasting = Lasting::other;
    Program program = Program::train;
    int first = -1, last = -1;  ///< steps that name it
    int root = -1;              ///< buffer whose place this one takes, or itself
    bool to_end = false;
    std::byte* address = nullptr;
  };
  struct Replacement {
    Program program;
    int step, src, dst;
  };

  int new_buffer(std::size_t size_bytes, Kind kind);
  // Lifetimes follow from which steps name a buffer; no step needs to say whether it reads or writes.
  void find_lifetimes();
  void place(Parameter& parameter, const tensor::Layout& layout);
  std::size_t place_lasting(std::vector<std::size_t>& offsets) const;
  std::size_t place_passing(Program program, std::vector<std::size_t>& offsets) const;
  void touch(int buffer);
  int root_of(int buffer) const;

  std::int64_t batch_size_;
  bool training_;
  Program program_ = Program::train;
  std::vector<Buffer> buffers_;
  std::array<std::vector<Step>, 2> programs_;
  std::vector<Replacement> replacements_;
  std::list<Parameter> parameters_;
  std::size_t lasting_bytes_ = 0, passing_bytes_ = 0;
  std::vector<std::size_t> offsets_;
};

}  // namespace neon

#pragma once
// From layers to a list of steps: layers declare buffers and steps; how long each buffer lives follows from the steps
// that name it.
#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "neon/layer.h"
#include "neon/lowering/placement.h"
#include "neon/lowering/program.h"
#include "tensor/operations.h"

namespace neon {

/// A tensor that flows between steps: a buffer and how it lies in it.
struct Value {
  int buffer = -1;
  tensor::Layout layout;
  explicit operator bool() const { return buffer >= 0; }
  /// The same bytes under another shape; row-major only.
  Value reshaped(const tensor::Shape& shape) const { return {buffer, layout.reshaped(shape)}; }
};

/// A learned tensor of one node and the buffers that belong to it.
struct Parameter {
  const Node* node = nullptr;
  const ParameterSpec* spec = nullptr;
  tensor::Layout layout;  ///< empty until a layer's kernel has chosen
  int weights = -1, gradient = -1;
  int sum = -1;         ///< of the gradients of several batches, where they are summed
  int average = -1;     ///< of the weights, where one is kept
  bool learns = false;  ///< otherwise nobody reads what is written to `gradient`
  bool waits = false;   ///< learns, but not from the steps being added
  bool wants_gradient() const { return learns && !waits; }
  std::vector<int> states;
};

/// What an update keeps for each learned parameter.
struct UpdateNeeds {
  int states = 0;
  bool sums = false, averages = false;
};

/// What layers see while a plan is made.
class Lowering {
 public:
  /// `only_kernels` leaves other candidates out, where there are several; empty: the first that does not refuse.
  Lowering(std::int64_t batch_size, bool training, bool carries_states, std::string only_kernels)
      : batch_size_(batch_size),
        training_(training),
        carries_states_(carries_states),
        only_kernels_(std::move(only_kernels)) {}

  std::int64_t batch_size() const { return batch_size_; }
  /// Whether the steps being added train: forward steps keep what backward steps need.
  bool training() const { return phase_ != Phase::infer; }
  void begin(Phase phase) { phase_ = phase; }
  /// Says whose steps come next; nullptr: nobody's.
  void work_on(const Node* node, Stage stage) {
    node_ = node;
    stage_ = stage;
  }

  /// A tensor that lives from the first to the last step that names it.
  Value value(const tensor::Layout& layout);
  Value value(const tensor::Shape& shape) { return value(tensor::Layout::row_major(tensor::Dtype::f32, shape)); }
  int scratch(std::size_t size_bytes);
  /// The buffer between a forward kernel and its backward one, as large as the kernel wants it.
  int workspace(const tensor::Kernel& kernel);
  /// A buffer that lives as long as the plan and starts as zeros. Buffers of one kind lie one after the other.
  enum class Lasting { weights, gradients, states, other };
  int lasting(Lasting kind, std::size_t size_bytes);
  /// A buffer whose address comes with each step.
  Value external(const tensor::Layout& layout);
  /// An address that is known already.
  int fixed(std::byte* address);

  /// A run of numbers inside a buffer, as a tensor of its own: what is done to it is done to the buffer.
  Value part_of(int buffer, std::int64_t first_number, const tensor::Shape& shape);

  /// `dst` may take the place of `src` if the next step added is the last that names `src`. Call before adding it.
  void may_replace(const Value& src, const Value& dst);
  /// Keeps the value until the end of the phase.
  void keep_to_end(const Value& value);

  /// The value in this layout: itself, or a copy by a reorder step.
  Value in_layout(const Value& value, const tensor::Layout& layout, const std::string& name);
  void reorder(const Value& from, const Value& to, const std::string& name);

  /// The first candidate for a step that does not refuse. What was refused, and why, is noted.
  tensor::Kernel choose(const std::string& step, const tensor::Candidates& candidates);

  /// Adds a step. Buffers are given with their slots; of several in one slot the first goes first. Scratchpads are
  /// booked here.
  void add(std::string name, tensor::Kernel kernel, const std::vector<std::pair<tensor::Slot, int>>& buffers);
  std::size_t step_count() const { return steps_[static_cast<std::size_t>(phase_)].size(); }

  /// Of the node itself, or of the one whose weights it uses.
  Parameter& parameter(const Node& node, std::string_view name);
  /// Whether rows go on from batch to batch, so that layers with states keep them.
  bool carries_states() const { return carries_states_; }
  /// What the examples of the batch before left a layer with in this phase, and what those of this one leave: zeros
  /// before the first batch.
  Value carried_state(const tensor::Shape& shape);
  struct CarriedState {
    const Node* node;
    Phase phase;
    Value value;
  };
  const std::vector<CarriedState>& carried_states() const { return carried_; }

  /// Whether the steps being added train and the node is not frozen: only then it takes statistics of the batch.
  bool takes_statistics(const Node& node) const;
  /// Announces the parameters of a node. When this plan trains, each trained one gets a gradient and, unless the layer
  /// is frozen, what its update needs.
  void declare(const Node& node, const UpdateNeeds& needs, bool frozen);
  /// Uses the weights of another plan's program, which has the same parameters.
  void share_weights(const Program& other);
  std::list<Parameter>& parameters() { return parameters_; }

  /// The parameter for a kernel that wants this layout; the first to ask decides how it is stored.
  Value weights(Parameter& parameter, const tensor::Layout& wanted);
  /// The parameter as it is in row-major order.
  Value plain_weights(Parameter& parameter);
  /// Where a kernel with this layout writes the gradient, then (after the kernel) `deliver` puts it in its place.
  Value gradient(Parameter& parameter, const tensor::Layout& produced);
  void deliver(const Value& produced, Parameter& parameter);

  /// Gives every buffer its place. Returns the bytes that they take.
  std::size_t place_all();
  /// Makes the arena and binds all steps to their places in it. The lowering is empty after it.
  Program finish();

 private:
  enum class Kind { passing, lasting, outside, part };
  struct Buffer {
    std::size_t size_bytes = 0;
    Kind kind = Kind::passing;
    Lasting lasting = Lasting::other;
    Phase phase = Phase::train;
    int first = -1, last = -1;  ///< steps that name it
    bool to_end = false;
    std::byte* address = nullptr;  ///< known from the start
    int whole = -1;                ///< what a part lies in, and where
    std::size_t offset = 0;
  };
  struct Permission {
    Phase phase;
    Replacement replacement;
  };

  int new_buffer(std::size_t size_bytes, Kind kind);
  void settle(Parameter& parameter, const tensor::Layout& layout);
  std::size_t place_lasting();
  std::size_t place_passing(Phase phase);
  void touch(int buffer);

  std::int64_t batch_size_;
  bool training_, carries_states_;
  std::string only_kernels_;
  Phase phase_ = Phase::train;
  std::vector<Buffer> buffers_;
  OfPhases<std::vector<Step>> steps_;
  std::vector<Permission> permissions_;
  std::list<Parameter> parameters_;
  std::vector<CarriedState> carried_;
  const Node* node_ = nullptr;
  Stage stage_ = Stage::forward;
  std::map<const tensor::Runnable*, Choice> choices_;  ///< of kernels that no step has yet
  std::size_t lasting_bytes_ = 0, passing_bytes_ = 0;
  std::vector<std::size_t> offsets_;
};

}  // namespace neon

#pragma once
#include <array>
#include <string>
#include <vector>

#include "neon/layer.h"
#include "tensor/arena.h"
#include "tensor/runnable.h"

namespace neon {

/// The lists of steps of a plan. Where two networks train against each other `train` is the discriminator's.
enum class Phase { train, train_generator, infer };
inline constexpr std::array kPhases{Phase::train, Phase::train_generator, Phase::infer};
template <class T>
using OfPhases = std::array<T, kPhases.size()>;

/// What a step is for.
enum class Stage { forward, cost, backward, update };
constexpr auto enumerators(Stage) {
  return std::array{std::pair{Stage::forward, "forward"}, std::pair{Stage::cost, "cost"},
                    std::pair{Stage::backward, "backward"}, std::pair{Stage::update, "update"}};
}

/// Which candidate a step took, and why those before it refused. Empty where there was nothing to choose.
struct Choice {
  std::string taken;
  std::vector<std::pair<std::string, std::string>> refused;
};

struct Step {
  std::string name;
  tensor::Kernel kernel;
  std::vector<int> buffers;    ///< one per argument of the kernel
  int threads = 1;             ///< OpenMP threads that it was made with and must run with
  const Node* node = nullptr;  ///< whose step it is; absent for those that belong to no layer
  Stage stage = Stage::forward;
  Choice choice;
};

/// An argument of a step's kernel.
struct Use {
  tensor::Runnable* kernel = nullptr;
  std::size_t argument = 0;
};

/// A learned or kept tensor of one layer where it lies in the arena, in the layout that the layer's kernels wanted.
struct PlacedParameter {
  const Node* node = nullptr;
  const ParameterSpec* spec = nullptr;
  tensor::Layout layout;
  std::byte* weights = nullptr;
  std::byte* gradient = nullptr;  ///< of the last step, or the sum of several; absent where nothing is learned
  std::byte* average = nullptr;   ///< of the weights; absent where none is kept
  std::vector<std::byte*> states;

  std::size_t count() const { return layout.size_bytes() / sizeof(float); }
};

/// What is left of a network when it runs: steps whose kernels are bound to places in one arena.
struct Program {
  OfPhases<std::vector<Step>> steps;
  std::vector<PlacedParameter> parameters;
  std::vector<std::byte*> addresses;  ///< of each buffer; absent for those that come with each step
  tensor::Arena arena;
  std::size_t unshared_bytes = 0;  ///< what it would take if no two buffers shared a place

  const std::vector<Step>& of(Phase phase) const { return steps[static_cast<std::size_t>(phase)]; }
  std::byte* address(int buffer) const { return addresses[static_cast<std::size_t>(buffer)]; }

  /// Every argument of a phase that names a buffer whose address comes with each step.
  std::vector<Use> uses_of(Phase phase, int buffer) const;

  /// Runs the steps [begin, end) of a phase; OpenMP stands at `threads` before it.
  void run(Phase phase, std::size_t begin, std::size_t end, const tensor::RunContext& context, int threads) const;
};

}  // namespace neon

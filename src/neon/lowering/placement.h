#pragma once
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace neon {

/// What a buffer needs: room from the first to the last step that names it.
struct Need {
  static constexpr int kToTheEnd = std::numeric_limits<int>::max();
  std::size_t size_bytes = 0;
  int first = -1, last = -1;  ///< steps; a buffer that no step names has -1 and gets no room
};

/// `dst` may take the room of `src`, if `step` is the last that names `src` and the first that names `dst`, and both
/// are of one size.
struct Replacement {
  int step = 0;
  std::size_t src = 0, dst = 0;
};

struct Placement {
  std::vector<std::size_t> offsets;  ///< of each need, multiples of kAlignment
  std::size_t size_bytes = 0;        ///< of all together
};

inline constexpr std::size_t kAlignment = 64;
constexpr std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

/// The most that is needed at any one time: what no placement can do without. Much quicker than one.
std::size_t peak(std::vector<Need> needs, std::span<const Replacement> replacements);

/// Gives every buffer a place such that no two that are needed at the same time overlap: largest first, each as low as
/// it goes. Depends on nothing but its arguments.
Placement place(std::vector<Need> needs, std::span<const Replacement> replacements);

}  // namespace neon

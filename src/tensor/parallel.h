#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace tensor {

/// Threads for our own loop over that many numbers. A preempted thread holds every barrier for a scheduler slice, so a
/// loop must be worth one; and either one thread or all, because libgomp ends threads that a smaller team leaves out.
inline int threads_for(std::int64_t elements) {
  constexpr std::int64_t kElementsPerThread = 16384;
  return elements >= 2 * kElementsPerThread ? omp_get_max_threads() : 1;
}

/// Threads for a vendor kernel of so many multiplications: those of under some 50 microseconds are not worth a barrier.
inline int threads_for_product(double multiplications) { return multiplications < 2e6 ? 1 : omp_get_max_threads(); }

/// Calls work(begin, end, thread) for equal parts of [0, items) whose borders are multiples of `grain`. The parts
/// depend on `threads` only, so sums kept per part come out the same every time.
template <class Work>
void for_parts(std::int64_t items, int threads, Work&& work, std::int64_t grain = 1) {
  if (threads <= 1) {
    work(std::int64_t{0}, items, 0);
    return;
  }
  const std::int64_t grains = (items + grain - 1) / grain;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int part = 0; part < threads; ++part)
    work(std::min(items, grains * part / threads * grain), std::min(items, grains * (part + 1) / threads * grain),
         part);
}

/// The same over all numbers of a buffer, in parts that start at cache lines.
template <class Work>
void for_elements(std::int64_t elements, Work&& work) {
  for_parts(elements, threads_for(elements), [&](std::int64_t begin, std::int64_t end, int) { work(begin, end); }, 16);
}

}  // namespace tensor

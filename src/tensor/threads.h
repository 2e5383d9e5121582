#pragma once
#include <omp.h>

namespace tensor {

/// Sets how many threads OpenMP uses for calls from this thread, while it lives. Without OMP_WAIT_POLICY in the
/// environment libgomp's threads spin for about a millisecond between parallel regions, which is what a list of short
/// kernels wants; OMP_WAIT_POLICY=passive is the polite choice on a shared machine and several times slower for small
/// networks.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) {
    if (threads != before_) omp_set_num_threads(threads);
  }
  ~ThreadScope() {
    if (omp_get_max_threads() != before_) omp_set_num_threads(before_);
  }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace tensor

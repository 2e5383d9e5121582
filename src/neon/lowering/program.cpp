#include "neon/lowering/program.h"

#include <omp.h>

namespace neon {

std::vector<Use> Program::uses_of(Phase phase, int buffer) const {
  std::vector<Use> uses;
  for (const Step& step : of(phase))
    for (std::size_t i = 0; i < step.buffers.size(); ++i)
      if (step.buffers[i] == buffer) uses.push_back({step.kernel.get(), i});
  return uses;
}

void Program::run(Phase phase, std::size_t begin, std::size_t end, const tensor::RunContext& context,
                  int threads) const {
  const std::vector<Step>& list = of(phase);
  for (std::size_t i = begin; i < end; ++i) {
    if (list[i].threads != threads) omp_set_num_threads(threads = list[i].threads);
    list[i].kernel->run(context);
  }
}

}  // namespace neon

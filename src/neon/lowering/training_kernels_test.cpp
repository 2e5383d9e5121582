#include "neon/lowering/training_kernels.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// A parameter large enough for several threads, updated by the kernel and by the rule's reference.
TEST(UpdateKernel, GivesARuleThatNeedsItTheWholeParameter) {
  constexpr std::size_t n = 200'003;
  const auto rule = Shelf<Optimizer>::instance().make({"LAMB", {{"learning_rate", 0.1}}, "/optimizer"});
  ASSERT_TRUE(rule->takes_whole_parameter());
  const auto kernel = update_kernel(*rule, tensor::Layout::row_major(tensor::Dtype::f32, {n}), 2, false);
  std::vector<float> weights(n), gradient(n), m(n), v(n);
  base::Random random(9, 1);
  for (std::size_t i = 0; i < n; ++i) {
    weights[i] = static_cast<float>(random.normal() * (i < n / 2 ? 1 : 10));  // halves of unlike norms
    gradient[i] = static_cast<float>(random.normal());
  }
  std::vector<double> exact(weights.begin(), weights.end()), exact_m(n), exact_v(n);
  const std::vector<std::span<double>> states{exact_m, exact_v};
  rule->reference_update(exact, std::vector<double>(gradient.begin(), gradient.end()), states, {.batch_size = 4});
  std::size_t argument = 0;
  for (std::vector<float>* memory : {&weights, &gradient, &m, &v})
    kernel->bind(argument++, reinterpret_cast<std::byte*>(memory->data()));
  kernel->run({.batch_size = 4});
  for (std::size_t i = 0; i < n; ++i) ASSERT_NEAR(weights[i], exact[i], 1e-5 * (1 + std::abs(exact[i]))) << i;
}

}  // namespace
}  // namespace neon

#include "tensor/operations.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace tensor {
namespace {

Layout f32(const Shape& shape) { return Layout::row_major(Dtype::f32, shape); }

/// Every candidate gives a kernel or a reason, and the last one a kernel.
void expect_answers(const char* what, const Candidates& candidates) {
  ASSERT_GE(candidates.size(), 2u) << what;
  for (const Candidate& candidate : candidates) {
    const Offer offer = candidate.make();
    EXPECT_NE(offer.kernel == nullptr, offer.refusal.empty()) << what << ", " << candidate.name;
  }
  EXPECT_EQ(candidates.back().name, kPlainLoops) << what;
  EXPECT_TRUE(candidates.back().make().kernel) << what;
}

TEST(Candidates, GiveAKernelOrAReason) {
  const Layout x = f32({4, 3, 8, 8}), row = f32({4, 5});
  Sliding window;
  window.window = {1, 3, 3};
  const Candidates forward = convolution_forward(x, {}, {4, 2, 6, 6}, window, {});
  const Candidates dense = dense_forward(row, {}, 3, {});
  expect_answers("convolution", forward);
  expect_answers("dense layer", dense);
  for (const Candidate& made_by : {forward.front(), forward.back()}) {
    const Kernel kernel = made_by.make().kernel;
    const Layout w = f32({2, 3, 3, 3}), dy = f32({4, 2, 6, 6});
    expect_answers("convolution's input gradient", convolution_backward_data(kernel, window, w, dy));
    expect_answers("convolution's weight gradient", convolution_backward_weights(kernel, window, x, dy, true));
  }
  for (const Candidate& made_by : {dense.front(), dense.back()}) {
    const Kernel kernel = made_by.make().kernel;
    expect_answers("dense layer's input gradient", dense_backward_data(kernel, f32({3, 5}), f32({4, 3})));
    expect_answers("dense layer's weight gradient", dense_backward_weights(kernel, row, f32({4, 3}), true));
  }
}

TEST(Candidates, TurnTheVendorsExceptionsIntoRefusals) {
  // A destination that does not fit is refused by the vendor deep inside.
  Sliding window;
  window.window = {1, 3, 3};
  for (const Candidate& candidate : convolution_forward(f32({4, 3, 8, 8}), {}, {4, 2, 99, 99}, window, {})) {
    if (candidate.name == kPlainLoops) continue;
    EXPECT_FALSE(candidate.make().refusal.empty()) << candidate.name;
  }
}

TEST(Kernels, TurnTheVendorsExceptionsIntoErrors) {
  try {
    reorder(f32({4, 3}), f32({4, 4}));
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::internal);
    EXPECT_NE(error.message.find("oneDNN"), std::string::npos) << error.message;
  }
}

}  // namespace
}  // namespace tensor

#include "tensor/kernel.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace tensor {
namespace {

Layout f32(const Shape& shape) { return Layout::row_major(Dtype::f32, shape); }

template <class Make>
void expect_error(const char* what, Make&& make) {
  try {
    make();
    FAIL() << what << ": no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::internal) << what;
    EXPECT_NE(error.message.find("oneDNN"), std::string::npos) << what << ": " << error.message;
  }
}

TEST(Kernels, TurnTheVendorsExceptionsIntoErrorsWhereverTheyCome) {
  const Layout x = f32({4, 3, 8, 8}), row = f32({4, 5});
  const Window window{{3, 3}, {1, 1}, {0, 0}, {1, 1}};
  // Destinations and hints that do not fit: refused by the vendor in different places of its interface.
  expect_error("forward", [&] { convolution_forward(x, {}, {4, 2, 99, 99}, window, {}); });
  const Kernel dense = dense_forward(row, {}, 3, {});
  expect_error("backward data", [&] { convolution_backward_data(dense.storage(), window, x, x); });
  expect_error("backward weights", [&] { convolution_backward_weights(dense.storage(), window, x, x, false); });
  const Kernel convolution = convolution_forward(x, {}, {4, 2, 6, 6}, window, {});
  expect_error("dense backward data", [&] { dense_backward_data(convolution.storage(), row, row); });
  expect_error("dense backward weights", [&] { dense_backward_weights(convolution.storage(), row, row, false); });
}

}  // namespace
}  // namespace tensor

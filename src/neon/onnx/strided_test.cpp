#include "neon/onnx/strided.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace neon {
namespace {

using Places = std::vector<std::int64_t>;

/// Where the numbers of a view lie, the batch left out.
Places seen(const Strided& order) {
  Places at = places(order.all_runs());
  for (std::int64_t& place : at) place += order.offset;
  return at;
}

TEST(Strided, TurnsAndReshapesAsNumPyDoes) {
  // x = arange(24).reshape(2, 3, 4) of each of five examples
  const Strided x = in_order_behind_batch(5, {2, 3, 4});
  EXPECT_EQ(x.shape(), (tensor::Shape{5, 2, 3, 4}));
  const Strided turned = x.transposed({0, 2, 3, 1});
  EXPECT_EQ(turned.shape(), (tensor::Shape{5, 3, 4, 2}));
  EXPECT_THAT(seen(turned), testing::ElementsAre(0, 12, 1, 13, 2, 14, 3, 15, 4, 16, 5, 17, 6, 18, 7, 19, 8, 20, 9, 21,
                                                 10, 22, 11, 23));
  EXPECT_EQ(seen(turned.reshaped({5, 24})), seen(turned));
  EXPECT_EQ(seen(turned.reshaped({15, 2, 4})), seen(turned)) << "the batch may be joined to what follows";
  EXPECT_EQ(x.reshaped({5, 24}).runs({1}), (Axis{{24, 1}}));
  EXPECT_EQ(x.reshaped({5, 24}).reshaped({5, 2, 3, 4}), x);
  EXPECT_THROW(x.reshaped({5, 5, 5}), base::Error);
  EXPECT_THROW(x.reshaped({24, 5}), base::Error) << "examples cannot be taken apart";
}

TEST(Strided, TakesParts) {
  const Strided x = in_order_behind_batch(5, {6, 4});
  EXPECT_THAT(seen(x.sliced(1, 2, 3, 1)), testing::ElementsAre(8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19));
  EXPECT_THAT(seen(x.sliced(2, 1, 2, 2).sliced(1, 5, 1, 1)), testing::ElementsAre(21, 23));
  EXPECT_THAT(seen(x.sliced(1, 3, 1, 1).without(1)), testing::ElementsAre(12, 13, 14, 15));
  // a third of what was joined from (3, 8), as queries of an attention
  EXPECT_THAT(seen(x.reshaped({5, 3, 8}).sliced(1, 1, 1, 1)), testing::ElementsAre(8, 9, 10, 11, 12, 13, 14, 15));
  EXPECT_THROW(x.sliced(1, 4, 3, 1), base::Error);
  EXPECT_THROW(x.sliced(0, 1, 2, 1), base::Error);
}

TEST(Strided, KnowsWhetherItHasEverything) {
  const Strided x = in_order_behind_batch(5, {6, 4});
  EXPECT_TRUE(cover(x.all_runs(), 24));
  EXPECT_TRUE(cover(x.transposed({2, 0, 1}).all_runs(), 24));
  EXPECT_FALSE(cover(x.sliced(1, 0, 3, 1).all_runs(), 24));
  EXPECT_THROW(places({{std::int64_t{1} << 40, 1}}), base::Error);
}

}  // namespace
}  // namespace neon

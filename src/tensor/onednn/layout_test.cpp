#include "tensor/layout.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tensor/onednn/engine.h"

namespace tensor {
namespace {

Layout with_tag(const Shape& shape, dnnl::memory::format_tag tag) {
  return onednn::layout_of({shape, dnnl::memory::data_type::f32, tag});
}

void expect_order(const Layout& layout, const ChannelOrder& expected) {
  const auto order = layout.channel_order();
  ASSERT_TRUE(order) << layout.text();
  EXPECT_EQ(order->n, expected.n);
  EXPECT_EQ(order->blocks, expected.blocks);
  EXPECT_EQ(order->positions, expected.positions);
  EXPECT_EQ(order->block, expected.block);
  EXPECT_EQ(order->channels, expected.channels);
  EXPECT_EQ(layout.size_bytes(), static_cast<std::size_t>(order->size()) * sizeof(float));
}

TEST(Layout, TellsTheOrderOfChannels) {
  using Tag = dnnl::memory::format_tag;
  expect_order(Layout::row_major(Dtype::f32, {2, 10, 3, 4}), {2, 10, 12, 1, 10});
  expect_order(Layout::row_major(Dtype::f32, {2, 10}), {2, 1, 1, 10, 10});
  expect_order(with_tag({2, 10, 3, 4}, Tag::nhwc), {2, 1, 12, 10, 10});
  expect_order(with_tag({2, 10, 3, 4}, Tag::nChw8c), {2, 2, 12, 8, 10});
  expect_order(with_tag({2, 32, 5, 3, 4}, Tag::nCdhw16c), {2, 2, 60, 16, 32});
  EXPECT_FALSE(with_tag({2, 10, 3, 4}, Tag::chwn).channel_order());
}

TEST(Layout, KeepsTheOrderForOtherExtents) {
  using Tag = dnnl::memory::format_tag;
  expect_order(with_tag({2, 10, 8, 8}, Tag::nChw8c).resized({2, 10, 4, 4}), {2, 2, 16, 8, 10});
  expect_order(with_tag({2, 10, 8, 8}, Tag::nhwc).resized({2, 10, 4, 4}), {2, 1, 16, 10, 10});
  expect_order(Layout::row_major(Dtype::f32, {2, 10, 8, 8}).resized({2, 10, 4, 4}), {2, 10, 16, 1, 10});
}

TEST(Layout, CopiesBetweenOrdersAndBack) {
  const Shape shape{2, 5, 3, 3};
  const Layout plain = Layout::row_major(Dtype::f32, shape),
               blocked = with_tag(shape, dnnl::memory::format_tag::nChw8c);
  std::vector<float> values(90), back(90), inner(blocked.size_bytes() / sizeof(float));
  std::iota(values.begin(), values.end(), 1.0f);
  copy(plain, values.data(), blocked, inner.data());
  EXPECT_EQ(inner[8 * 9 - 1], 0.0f);  // padding channels are zero
  copy(blocked, inner.data(), plain, back.data());
  EXPECT_EQ(back, values);
}

}  // namespace
}  // namespace tensor

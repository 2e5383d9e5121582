#include "job/checking.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "base/error.h"

namespace job {
namespace {

constexpr const char* kYaml = R"(
layers:
  - {type: Affine, config: {nout: 4, init: {type: GlorotUniform}, activation: {type: Softmax}}}
cost: CrossEntropyMulti
optimizer: {type: GradientDescentMomentum, config: {learning_rate: 0.1, momentum_coef: 0.9}}
epochs: 7
dataset:
  etl:
    - {type: image, height: 12, width: 12, channels: 1}
    - {type: label}
)";

TEST(CheckApart, answers_what_the_file_asks_for_and_needs) {
  const wire::Event event = check_apart({.model_file = "m.yaml", .yaml = kYaml, .columns = 2, .labels = 4});
  EXPECT_EQ(event.kind, wire::EventKind::checked);
  ASSERT_TRUE(event.checked) << event.text.value_or("");
  EXPECT_EQ(event.checked->epochs, 7);
  EXPECT_FALSE(event.checked->seed);
  EXPECT_GT(event.checked->memory_bytes, 1 << 20);
}

TEST(CheckApart, answers_what_is_wrong_with_its_place) {
  const wire::Event event = check_apart({.model_file = "m.yaml", .yaml = kYaml, .columns = 3});
  EXPECT_FALSE(event.checked);
  EXPECT_EQ(event.code, "invalid_argument");
  EXPECT_NE(event.text->find("the manifest has 3 columns"), std::string::npos) << *event.text;
  EXPECT_NE(event.text->find("m.yaml"), std::string::npos) << *event.text;
}

TEST(FindApart, outlives_whatever_becomes_of_the_child) {
  EXPECT_NE(find_apart([]() -> wire::Event {
              ::raise(SIGSEGV);
              return {};
            }).text->find("signal 11"),
            std::string::npos);
  EXPECT_NE(find_apart([]() -> wire::Event { throw std::bad_alloc(); }).text->find("512 MiB"), std::string::npos);
  EXPECT_EQ(find_apart([]() -> wire::Event { ::_exit(0); }).code, "invalid_argument");
  EXPECT_EQ(find_apart([]() -> wire::Event { return {.kind = wire::EventKind::step}; }).code, "invalid_argument");
}

TEST(FindApart, a_child_has_nothing_of_what_is_open_here) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const wire::Event event = find_apart([&] {
    const bool closed = ::write(ends[1], "x", 1) < 0 && ::write(1, "x", 1) < 0;
    return wire::Event{.kind = wire::EventKind::checked, .text = closed ? "closed" : "open"};
  });
  EXPECT_EQ(event.text, "closed");
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace job

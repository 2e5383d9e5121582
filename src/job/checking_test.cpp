#include "job/checking.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>

#include "base/error.h"
#include "wire/process.h"

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

/// What `find` answers to these orders, by their numbers.
std::map<std::int64_t, wire::Event> answers_to(const std::vector<wire::CheckJob>& orders, const Find& find = check,
                                               const std::function<void(const wire::Event&)>& each = {}) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const base::Fd from(ends[0]);
  base::Fd to(ends[1]);
  std::int64_t number = 0;
  for (wire::CheckJob order : orders) {
    order.number = ++number;
    base::write_all(to, base::to_text(base::encode(wire::Order{.check = order})) + "\n", "orders");
  }
  std::map<std::int64_t, wire::Event> answers;
  Checking checking(find, [&](const wire::Event& event) {
    answers[event.answers.value_or(0)] = event;
    if (each) each(event);
    if (answers.size() == orders.size()) to.reset();
  });
  checking.run(from);
  return answers;
}

wire::Event answer_to(const wire::CheckJob& order, const Find& find = check) { return answers_to({order}, find)[1]; }

wire::Event said(std::string text) { return {.kind = wire::EventKind::checked, .text = std::move(text)}; }

TEST(Checking, answers_what_the_file_asks_for_and_needs) {
  const wire::Event event = answer_to({.model_file = "m.yaml", .yaml = kYaml, .columns = 2, .labels = 4});
  EXPECT_EQ(event.kind, wire::EventKind::checked);
  ASSERT_TRUE(event.checked) << event.text.value_or("");
  EXPECT_EQ(event.checked->epochs, 7);
  EXPECT_FALSE(event.checked->seed);
  EXPECT_GT(event.checked->memory_bytes, 1 << 20);
}

TEST(Checking, answers_what_is_wrong_with_its_place) {
  const wire::Event event = answer_to({.model_file = "m.yaml", .yaml = kYaml, .columns = 3});
  EXPECT_FALSE(event.checked);
  EXPECT_EQ(event.code, "invalid_argument");
  EXPECT_NE(event.text->find("the manifest has 3 columns"), std::string::npos) << *event.text;
  EXPECT_NE(event.text->find("m.yaml"), std::string::npos) << *event.text;
}

TEST(Checking, outlives_whatever_becomes_of_a_child) {
  const Find find = [](const wire::CheckJob& job) -> wire::Event {
    if (job.yaml == "crash") ::raise(SIGSEGV);
    if (job.yaml == "memory") throw std::bad_alloc();
    if (job.yaml == "exit") ::_exit(0);
    if (job.yaml == "killed") ::raise(SIGKILL);
    if (job.yaml == "other") return {.kind = wire::EventKind::step};
    return said("well");
  };
  auto answers = answers_to(
      {{.yaml = "crash"}, {.yaml = "memory"}, {.yaml = "exit"}, {.yaml = "other"}, {.yaml = "killed"}, {}}, find);
  EXPECT_NE(answers[1].text->find("signal 11"), std::string::npos) << *answers[1].text;
  EXPECT_NE(answers[2].text->find("512 MiB"), std::string::npos) << *answers[2].text;
  EXPECT_EQ(answers[3].code, "invalid_argument");
  EXPECT_EQ(answers[4].code, "invalid_argument");
  EXPECT_EQ(answers[5].code, "unavailable");  // by somebody else: the file is not to blame
  EXPECT_EQ(answers[6].text, "well");
}

TEST(Checking, what_one_file_does_no_other_sees) {
  static std::string seen;
  const Find find = [](const wire::CheckJob& job) {
    if (job.model_file != "small") seen += job.yaml;
    return said(seen);
  };
  std::vector<wire::CheckJob> orders;
  for (int i = 0; i < 20; ++i) orders.push_back({.yaml = std::to_string(i)});
  for (const auto& [number, answer] : answers_to(orders, find)) EXPECT_EQ(answer.text, std::to_string(number - 1));
  EXPECT_EQ(seen, "");
}

TEST(Checking, a_slow_file_holds_up_no_other) {
  const base::TemporaryFolder folder;
  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::vector<std::int64_t> order;
  answers_to(
      {{.yaml = "slow"}, {.yaml = "quick"}},
      [&](const wire::CheckJob& job) {
        if (job.yaml == "slow") std::ifstream(pipe).get();  // until somebody writes
        return said("");
      },
      [&](const wire::Event& event) {
        order.push_back(event.answers.value_or(0));
        if (event.answers == 2) std::ofstream(pipe) << "go on";
      });
  EXPECT_EQ(order, (std::vector<std::int64_t>{2, 1}));
}

TEST(Checking, a_child_has_nothing_of_what_is_open_here) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const wire::Event event = answer_to({}, [&](const wire::CheckJob&) {
    return said(::write(ends[1], "x", 1) < 0 && ::write(wire::kLog, "x", 1) < 0 ? "closed" : "open");
  });
  EXPECT_EQ(event.text, "closed");
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace job

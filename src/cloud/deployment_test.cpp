#include "cloud/deployment.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>

#include "base/error.h"
#include "wire/frames.h"

namespace cloud {
namespace {

constexpr std::string_view kBoot = R"({"predictions": [{"probability": 0.9, "index": 1, "label": "boot"}]})";

/// A deployment, and the process's end of its socket.
struct Pair {
  explicit Pair(int timeout_ms = Deployment::kTimeoutMs) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    process = base::Fd(ends[1]);
    deployment = std::make_shared<Deployment>(7, 1, base::Fd(ends[0]), [this] { broken = true; }, timeout_ms);
    deployment->open();
  }

  /// The next request's input; it is answered.
  std::string serve_one() {
    while (true) {
      if (const auto payload = frames.next()) {
        const wire::Request request = wire::parse_request(*payload);
        wire::send_all(process.get(), wire::answer_frame(request.id, kBoot));
        return std::string(request.input);
      }
      if (!frames.fill(process.get())) return "the end";
    }
  }

  std::atomic<bool> broken = false;
  base::Fd process;
  wire::FrameReader frames;
  std::shared_ptr<Deployment> deployment;
};

std::string error_of(const api::Later<api::Prediction>& later) {
  try {
    later.wait();
    return "none";
  } catch (const base::Error& error) {
    return error.message;
  }
}

TEST(Deployment, holds_no_caller_while_its_process_takes_nothing) {
  Pair pair;
  const std::string input(1'000'000, 'x');  // more than a socket takes
  std::vector<api::Later<api::Prediction>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(pair.deployment->predict(1, input + std::to_string(i)));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(pair.serve_one(), input + std::to_string(i));
  for (const auto& answer : answers) EXPECT_EQ(answer.wait().predictions.at(0).label, "boot");
}

TEST(Deployment, bounds_what_its_process_has_not_taken) {
  Pair pair;
  std::vector<api::Later<api::Prediction>> answers;
  std::string input;
  input.resize(16'000'000, 'x');
  try {
    for (int i = 0; i < 10; ++i) answers.push_back(pair.deployment->predict(1, input));
    FAIL() << "no limit";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::unavailable);
  }
  EXPECT_EQ(answers.size(), 4u);
  pair.deployment->fail();
  for (const auto& answer : answers) EXPECT_NE(error_of(answer).find("ended"), std::string::npos);
}

TEST(Deployment, keeps_its_frames_whole_after_a_timeout) {
  Pair pair(40);
  const std::string large(2'000'000, 'a');
  const auto first = pair.deployment->predict(1, large);  // half of it is in the socket
  const auto second = pair.deployment->predict(1, "never sent");
  EXPECT_NE(error_of(first).find("no answer"), std::string::npos);
  EXPECT_NE(error_of(second).find("no answer"), std::string::npos);
  EXPECT_EQ(pair.serve_one(), large);  // its answer is dropped
  const auto third = pair.deployment->predict(1, "third");
  EXPECT_EQ(pair.serve_one(), "third");
  const std::string outcome = error_of(third);
  EXPECT_TRUE(outcome == "none" || outcome.find("no answer") != std::string::npos)
      << outcome;  // a busy machine may take over 40 ms
}

TEST(Deployment, drops_what_nobody_waits_for_before_its_process_takes_it) {
  Pair pair;
  const std::string large(2'000'000, 'a');
  const auto first = pair.deployment->predict(1, large);  // half of it is in the socket
  std::vector<api::Later<int>> given_up;
  for (std::size_t i = 1; i < Deployment::kQueueLimit; ++i)
    given_up.push_back(pair.deployment->predict(1, "gone").map([](const api::Prediction&) { return 1; }));
  EXPECT_THROW(pair.deployment->predict(1, "one too many"), base::Error);
  first.abandon();  // too late: its frame stays whole, and its answer comes
  for (const auto& later : given_up) later.abandon();
  for (const auto& later : given_up) EXPECT_THROW(later.wait(), base::Error);
  const auto last = pair.deployment->predict(1, "last");
  EXPECT_EQ(pair.serve_one(), large);
  EXPECT_EQ(pair.serve_one(), "last");
  EXPECT_EQ(first.wait().predictions.size(), 1u);
  EXPECT_EQ(last.wait().predictions.size(), 1u);
  last.abandon();  // of what has come nothing is left to do
}

TEST(Deployment, gives_its_process_no_more_than_that_has_use_for) {
  Pair pair;
  std::vector<api::Later<api::Prediction>> taken, given_up;
  while (taken.size() < Deployment::kTakenLimit) taken.push_back(pair.deployment->predict(1, "taken"));
  while (given_up.size() < Deployment::kQueueLimit - Deployment::kTakenLimit)
    given_up.push_back(pair.deployment->predict(1, "gone"));
  for (const auto& later : given_up) later.abandon();
  const auto last = pair.deployment->predict(1, "last");
  for (std::size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(pair.serve_one(), "taken");
  EXPECT_EQ(pair.serve_one(), "last");
  EXPECT_EQ(last.wait().predictions.size(), 1u);
}

TEST(Deployment, fails_all_when_its_process_ends) {
  Pair pair;
  const auto answer = pair.deployment->predict(1, std::string(2'000'000, 'a'));
  pair.process.reset();
  EXPECT_NE(error_of(answer).find("ended"), std::string::npos);
  EXPECT_THROW(pair.deployment->predict(1, "x"), base::Error);
  pair.deployment.reset();
  EXPECT_TRUE(pair.broken) << "its process has no other use";
}

TEST(Deployment, drains) {
  Pair pair;
  std::atomic<bool> drained = false;
  const auto answer = pair.deployment->predict(1, "x");
  pair.deployment->drain([&] { drained = true; });
  EXPECT_FALSE(drained);
  EXPECT_THROW(pair.deployment->predict(1, "y"), base::Error);
  EXPECT_EQ(pair.serve_one(), "x");
  EXPECT_EQ(answer.wait().predictions.size(), 1u);
  pair.deployment.reset();  // its thread has ended
  EXPECT_TRUE(drained);
}

}  // namespace
}  // namespace cloud

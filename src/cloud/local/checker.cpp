#include "cloud/local/checker.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"

namespace cloud {

using base::Code;
using base::Error;

namespace {

constexpr std::chrono::seconds kTurn(20);                        // until it is a check's turn
constexpr std::chrono::seconds kAnswer(15);                      // more than the process gives any file
constexpr std::size_t kRefusalBytes = 8000, kPlaceBytes = 1000;  // of what a check answers

}  // namespace

struct Checker::Talk {
  std::shared_ptr<RunningJob> job;
  std::map<std::int64_t, std::promise<wire::Event>> asked;  // by the number of the check
  std::optional<JobEnd> end;
};

wire::Checked Checker::check(wire::CheckJob job) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kTurn, [&] { return asked_ < wire::kChecksAtOnce; }))
    throw Error(Code::unavailable,
                fmt::format("the model file was not checked within {} s, because others are; try again in a moment",
                            kTurn.count()));
  Talk& talk = talk_held();
  job.number = ++last_;
  std::future<wire::Event> answer = talk.asked[job.number].get_future();
  const std::shared_ptr<RunningJob> process = talk.job;
  ++asked_;
  lock.unlock();

  process->order({.check = std::move(job)});
  if (answer.wait_for(kAnswer) != std::future_status::ready) process->kill();
  answer.wait();
  lock.lock();
  --asked_;
  changed_.notify_one();
  lock.unlock();
  const wire::Event event = answer.get();
  if (event.checked) return *event.checked;
  throw Error(base::code_named(event.code.value_or("")),
              base::shortened(event.text.value_or("it cannot be checked"), kRefusalBytes),
              base::shortened(event.where.value_or(""), kPlaceBytes));
}

void Checker::start() {
  const std::lock_guard lock(mutex_);
  talk_held();
}

/// The talk with a process that has not ended.
Checker::Talk& Checker::talk_held() {
  if (talk_ && !talk_->end) return *talk_;
  if (talk_) base::log_warning("the process that checks model files ended with {}", talk_->end->text());
  const auto talk = std::make_shared<Talk>();
  // What it reports waits for the lock that is held here.
  talk->job = start_({.event = [this, talk](const wire::Event& event) { answered(*talk, event); },
                      .end = [this, talk](const JobEnd& end) { ended(*talk, end); }});
  talk_ = talk;
  return *talk_;
}

void Checker::answered(Talk& talk, const wire::Event& event) {
  if (event.kind != wire::EventKind::checked) return;
  const std::lock_guard lock(mutex_);
  const auto asked = talk.asked.find(event.answers.value_or(0));
  if (asked == talk.asked.end()) throw Error(Code::invalid_argument, "the job answered a check that nobody asked for");
  asked->second.set_value(event);
  talk.asked.erase(asked);
}

/// Whoever still asks is told so.
void Checker::ended(Talk& talk, const JobEnd& end) {
  const std::lock_guard lock(mutex_);
  talk.end = end;
  for (auto& [number, promise] : std::exchange(talk.asked, {}))
    promise.set_exception(std::make_exception_ptr(
        Error(Code::unavailable,
              fmt::format("the process that checks model files ended with {}; try again in a moment", end.text()))));
}

}  // namespace cloud

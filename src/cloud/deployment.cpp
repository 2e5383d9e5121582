#include "cloud/deployment.h"

#include <sys/socket.h>
#include <sys/time.h>

#include "base/error.h"
#include "base/log.h"
#include "job/frames.h"

namespace cloud {

using base::Code;
using base::Error;

Deployment::Deployment(std::int64_t model, std::int64_t tenant, base::Fd socket) : model_(model), tenant_(tenant), socket_(std::move(socket)) {
  const timeval timeout{kTimeoutMs / 1000, 0};  // a process that takes no requests must not hold a thread for ever
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  reader_ = std::thread([this] { read_answers(); });
}

Deployment::~Deployment() {
  fail();
  ::shutdown(socket_.get(), SHUT_RDWR);
  reader_.join();
}

void Deployment::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
}

void Deployment::drain(std::function<void()> drained) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (!waiting_.empty()) {
      drained_ = std::move(drained);
      return;
    }
  }
  drained();
}

void Deployment::fail() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& [id, waiting] : waiting_) {
    waiting->failed = true;
    waiting->ready.notify_one();
  }
}

api::Prediction Deployment::predict(int k, std::string_view input) {
  Waiting mine;
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) throw Error(Code::unavailable, fmt::format("model {} is being undeployed or restarted; try again", model_));
    if (!open_) throw Error(Code::unavailable, fmt::format("model {} is being deployed and not ready yet; try again in a moment", model_));
    if (waiting_.size() >= kQueueLimit)
      throw Error(Code::unavailable, fmt::format("model {} has {} requests waiting, which is the limit; try again in a moment", model_, kQueueLimit));
    id = next_id_++;
    waiting_[id] = &mine;
  }
  bool sent = true;
  try {
    const std::lock_guard lock(write_mutex_);
    job::send_all(socket_.get(), job::request_frame(id, static_cast<std::uint32_t>(k), input));
  } catch (const Error& error) {
    base::log_warning("deployment of model {}: {}", model_, error.message);
    sent = false;
  }
  std::function<void()> drained;
  {
    std::unique_lock lock(mutex_);
    if (sent) mine.ready.wait_for(lock, std::chrono::milliseconds(kTimeoutMs), [&] { return mine.answered || mine.failed; });
    waiting_.erase(id);
    if (waiting_.empty()) drained = std::exchange(drained_, nullptr);
  }
  if (drained) drained();
  if (mine.failed || !sent) throw Error(Code::unavailable, fmt::format("the process that serves model {} ended; it is started again: try again in a moment", model_));
  if (!mine.answered) throw Error(Code::unavailable, fmt::format("model {} gave no answer within {} s; try again", model_, kTimeoutMs / 1000));
  const base::json::value answer = base::parse_json(mine.answer, "answer of the serving process");
  if (const base::json::value* error = answer.as_object().if_contains("error"))
    throw Error(base::code_named(std::string_view(error->at("code").as_string())), std::string(error->at("message").as_string()));
  return base::decode<api::Prediction>(answer);
}

void Deployment::read_answers() {
  try {
    job::FrameReader frames;
    while (frames.fill(socket_.get())) {
      while (const auto payload = frames.next()) {
        const job::Answer answer = job::parse_answer(*payload);
        const std::lock_guard lock(mutex_);
        const auto found = waiting_.find(answer.id);
        if (found == waiting_.end()) continue;  // its caller has given up
        found->second->answer = answer.json;
        found->second->answered = true;
        found->second->ready.notify_one();
      }
    }
  } catch (const std::exception& error) {
    base::log_warning("deployment of model {}: {}", model_, error.what());
  }
  fail();
}

}  // namespace cloud

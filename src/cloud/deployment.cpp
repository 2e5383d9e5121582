#include "cloud/deployment.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "wire/frames.h"

namespace cloud {

using base::Code;
using base::Error;

namespace {

api::Prediction prediction_of(std::string_view text) {
  const base::json::value answer = base::parse_json(text, "answer of the serving process");
  if (const base::json::value* error = answer.as_object().if_contains("error"))
    throw Error(base::code_named(std::string_view(error->at("code").as_string())),
                std::string(error->at("message").as_string()));
  return base::decode<api::Prediction>(answer);
}

}  // namespace

Deployment::Deployment(std::int64_t model, std::int64_t tenant, base::Fd socket, std::function<void()> broken,
                       int timeout_ms)
    : model_(model),
      tenant_(tenant),
      timeout_ms_(timeout_ms),
      socket_(std::move(socket)),
      broken_(std::move(broken)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw base::system_error("cannot make an event descriptor", errno);
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
  carrier_ = std::thread([this] { carry(); });
}

Deployment::~Deployment() {
  fail();
  ::shutdown(socket_.get(), SHUT_RDWR);  // ends carry()
  carrier_.join();
}

void Deployment::open() {
  const Lock lock(mutex_);
  open_ = true;
}

void Deployment::drain(std::function<void()> drained) {
  {
    const Lock lock(mutex_);
    closed_ = true;
    if (!waiting_.empty()) {
      drained_ = std::move(drained);
      return;
    }
  }
  drained();
}

std::function<void()> Deployment::drained_now(const Lock&) {
  return waiting_.empty() ? std::exchange(drained_, nullptr) : nullptr;
}

void Deployment::fail() {
  std::map<std::uint64_t, Waiting> failed;
  std::function<void()> drained;
  {
    const Lock lock(mutex_);
    closed_ = true;
    failed.swap(waiting_);
    unsent_.clear();
    unsent_bytes_ = first_sent_bytes_ = 0;
    drained = drained_now(lock);
  }
  const Error error(
      Code::unavailable,
      fmt::format("the process that serves model {} ended; it is started again: try again in a moment", model_));
  for (const auto& [id, waiting] : failed) waiting.answer.complete(std::make_exception_ptr(error));  // to each its own
  if (drained) drained();
}

api::Later<api::Prediction> Deployment::predict(int k, std::string_view input) {
  const Lock lock(mutex_);
  if (closed_)
    throw Error(Code::unavailable, fmt::format("model {} is being undeployed or restarted; try again", model_));
  if (!open_)
    throw Error(Code::unavailable,
                fmt::format("model {} is being deployed and not ready yet; try again in a moment", model_));
  if (waiting_.size() >= kQueueLimit)
    throw Error(Code::unavailable,
                fmt::format("model {} has {} requests waiting, which is the limit; try again in a moment", model_,
                            kQueueLimit));
  if (!unsent_.empty() && unsent_bytes_ + input.size() > kUnsentLimitBytes)
    throw Error(Code::unavailable,
                fmt::format("model {} has {} MiB of requests waiting, which is the limit; try again in a moment",
                            model_, kUnsentLimitBytes >> 20));
  const std::uint64_t id = next_id_++;
  unsent_.push_back({id, wire::request_frame(id, static_cast<std::uint32_t>(k), input)});
  unsent_bytes_ += unsent_.back().bytes.size();
  const api::Later<api::Prediction> answer;
  answer.on_abandoned([weak = weak_from_this(), id] {
    if (const auto self = weak.lock()) self->abandon(id);
  });
  waiting_.emplace(id, Waiting{answer, base::steady_now_us() + std::int64_t{1000} * timeout_ms_});
  if (unsent_.size() == 1) {  // else carry() is at it
    send_unsent(lock);
    const std::uint64_t one = 1;
    if (may_send(lock) && ::write(wake_.get(), &one, sizeof one) < 0)
      base::log_error("deployment of model {}: {}", model_, std::strerror(errno));
  }
  return answer;
}

// Frames go out whole and in order, however many turns that takes: what follows half a frame would be read as its rest.
void Deployment::send_unsent(const Lock& lock) {
  while (may_send(lock)) {
    const std::string_view rest = std::string_view(unsent_.front().bytes).substr(first_sent_bytes_);
    const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (sent < 0) {
      base::log_warning("deployment of model {}: cannot write to its process: {}", model_, std::strerror(errno));
      closed_ = true;
      ::shutdown(socket_.get(), SHUT_RDWR);  // carry() sees the end and fails all
      return;
    }
    first_sent_bytes_ += static_cast<std::size_t>(sent);
    if (first_sent_bytes_ < unsent_.front().bytes.size()) continue;
    unsent_bytes_ -= unsent_.front().bytes.size();
    unsent_.pop_front();
    ++taken_;
    first_sent_bytes_ = 0;
  }
}

void Deployment::take_answer(std::string_view payload) {
  const wire::Answer came = wire::parse_answer(payload);
  std::function<void()> drained;
  std::optional<api::Later<api::Prediction>> answer;
  {
    const Lock lock(mutex_);
    if (taken_ > 0) --taken_;
    const auto found = waiting_.find(came.id);
    if (found == waiting_.end()) return;  // its caller has given up
    answer = found->second.answer;
    waiting_.erase(found);
    drained = drained_now(lock);
  }
  answer->complete_by([&] { return prediction_of(came.json); });
  if (drained) drained();
}

void Deployment::expire() {
  const std::int64_t now = base::steady_now_us();
  std::vector<api::Later<api::Prediction>> expired;
  std::function<void()> drained;
  {
    const Lock lock(mutex_);
    while (!waiting_.empty() && waiting_.begin()->second.deadline_us <= now) {
      drop_unsent(waiting_.begin()->first, lock);  // nobody waits for it any more
      expired.push_back(waiting_.begin()->second.answer);
      waiting_.erase(waiting_.begin());
    }
    if (!expired.empty()) drained = drained_now(lock);
  }
  for (const auto& answer : expired)
    answer.complete(std::make_exception_ptr(Error(
        Code::unavailable, fmt::format("model {} gave no answer within {} s; try again", model_, timeout_ms_ / 1000))));
  if (drained) drained();
}

/// Whether the process will not see this request; it does when it has seen its beginning.
bool Deployment::drop_unsent(std::uint64_t id, const Lock&) {
  const auto unsent = std::find_if(unsent_.begin(), unsent_.end(), [&](const Frame& frame) { return frame.id == id; });
  if (unsent == unsent_.end() || (unsent == unsent_.begin() && first_sent_bytes_ > 0)) return false;
  unsent_bytes_ -= unsent->bytes.size();
  unsent_.erase(unsent);
  return true;
}

void Deployment::abandon(std::uint64_t id) {
  std::optional<api::Later<api::Prediction>> answer;
  std::function<void()> drained;
  {
    const Lock lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end() || !drop_unsent(id, lock)) return;
    answer = found->second.answer;
    waiting_.erase(found);
    drained = drained_now(lock);
  }
  answer->complete(std::make_exception_ptr(
      Error(Code::unavailable, fmt::format("the client left before model {} came to its request", model_))));
  if (drained) drained();
}

void Deployment::carry() {
  const int tick_ms =
      std::clamp(timeout_ms_ / 4, 1, 1000);  // deadlines are coarse, and so free of cost for each request
  try {
    wire::FrameReader frames;
    for (bool there = true; there;) {
      pollfd on[] = {{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
      {
        const Lock lock(mutex_);
        if (may_send(lock)) on[0].events |= POLLOUT;
      }
      if (::poll(on, 2, tick_ms) < 0 && errno != EINTR)
        throw base::system_error("cannot wait for the serving socket", errno);
      if (on[1].revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
      }
      if ((on[0].revents & ~POLLOUT) != 0) there = frames.fill(socket_.get());
      while (const auto payload = frames.next()) take_answer(*payload);
      {
        const Lock lock(mutex_);
        send_unsent(lock);
      }
      expire();
    }
  } catch (...) {
    base::log_warning("deployment of model {}: {}", model_, base::caught().message);
  }
  fail();
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (broken_) broken_();
}

}  // namespace cloud

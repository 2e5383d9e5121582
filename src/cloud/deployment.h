#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "api/later.h"
#include "api/resources/models.h"
#include "base/files.h"
#include "cloud/lock_order.h"
#include "cloud/worker.h"

namespace cloud {

/// The way to one serving process: many requests at once over one socket, told apart by their ids. However slow the
/// process is, only this object's own thread waits for it. Threads: any.
class Deployment : public std::enable_shared_from_this<Deployment> {
 public:
  static constexpr std::size_t kQueueLimit = 256;  ///< requests that may wait for answers at once
  static constexpr std::size_t kTakenLimit = 64;   ///< of them with the process: a batch in work and the one after it
  static constexpr std::size_t kUnsentLimitBytes = std::size_t{64} << 20;  ///< that the process has not taken yet
  static constexpr int kTimeoutMs = 30000;

  /// `broken` is called once, from this object's thread, when nothing more can be had from the process; it must not
  /// wait.
  Deployment(std::int64_t model, std::int64_t tenant, base::Fd socket, std::function<void()> broken = {},
             int timeout_ms = kTimeoutMs);
  ~Deployment();
  Deployment(const Deployment&) = delete;

  std::int64_t tenant() const { return tenant_; }

  /// The process has warmed up.
  void open();

  /// No new requests; `drained` is called once, when the last one has its answer. It must not wait.
  void drain(std::function<void()> drained);

  /// The process is gone: every waiting request fails as unavailable.
  void fail();

  /// Never waits; copies `input`. What is abandoned before the process takes it is dropped. Errors: unavailable before
  /// open(), when draining and when too much waits. Errors that come later: unavailable after the timeout and when the
  /// process ends; what the process answers.
  api::Later<api::Prediction> predict(int k, std::string_view input);

 private:
  struct Waiting {
    api::Later<api::Prediction> answer;
    std::int64_t deadline_us;
  };
  struct Frame {
    std::uint64_t id;
    std::string bytes;
  };
  using Lock = std::lock_guard<Mutex>;

  void carry();
  void take_answer(std::string_view payload);
  void expire();
  void abandon(std::uint64_t id);
  bool drop_unsent(std::uint64_t id, const Lock&);
  void send_unsent(const Lock&);
  bool may_send(const Lock&) const { return !unsent_.empty() && taken_ < kTakenLimit; }
  std::function<void()> drained_now(const Lock&);

  const std::int64_t model_, tenant_;
  const int timeout_ms_;
  base::Fd socket_;  // takes and gives what it can at once
  std::function<void()> broken_;
  base::Fd wake_;  // readable: there is something unsent
  Mutex mutex_{locks::kDeployment};
  bool open_ = false, closed_ = false;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Waiting> waiting_;  // so in the order of their deadlines
  std::deque<Frame> unsent_;
  std::size_t unsent_bytes_ = 0;
  std::size_t taken_ = 0;             // sent whole and not answered, whether anybody waits for it or not
  std::size_t first_sent_bytes_ = 0;  // of the first one in unsent_, which then is sent to its end whatever happens
  std::function<void()> drained_;
  std::thread carrier_;
};

}  // namespace cloud

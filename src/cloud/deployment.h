#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "api/resources/models.h"
#include "base/files.h"
#include "cloud/worker.h"

namespace cloud {

/// The way to one serving process: many requests at once over one socket, told apart by their ids. Threads: any.
class Deployment {
 public:
  static constexpr std::size_t kQueueLimit = 256;   ///< requests that may wait for answers at once
  static constexpr int kTimeoutMs = 30000;

  Deployment(std::int64_t model, std::int64_t tenant, base::Fd socket);
  ~Deployment();
  Deployment(const Deployment&) = delete;

  std::int64_t tenant() const { return tenant_; }

  /// The process has warmed up.
  void open();

  /// No new requests; `drained` is called once, when the last one has its answer.
  void drain(std::function<void()> drained);

  /// The process is gone: every waiting request fails as unavailable.
  void fail();

  /// Errors: unavailable before open(), when draining, when too many wait, and after the timeout; what the process answers.
  api::Prediction predict(int k, std::string_view input);

 private:
  struct Waiting {
    std::string answer;
    bool answered = false;
    bool failed = false;
    std::condition_variable ready;
  };

  void read_answers();

  const std::int64_t model_, tenant_;
  base::Fd socket_;
  std::mutex write_mutex_;  // one frame after the other
  std::mutex mutex_;
  bool open_ = false, closed_ = false;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Waiting*> waiting_;
  std::function<void()> drained_;
  std::thread reader_;
};

}  // namespace cloud

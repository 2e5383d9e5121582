#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace api {

/// Threads that run what may block. Work must not throw.
class Workers {
 public:
  explicit Workers(int threads);
  ~Workers() { stop(); }

  void add(std::function<void()> work);
  void stop();  ///< drops what has not started and waits for the rest

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace api

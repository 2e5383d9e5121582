#pragma once
#include <sys/uio.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <span>
#include <string_view>

// g++ 12 takes Asio's recycling of coroutine frames for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace api {

template <class T>
using Task = boost::asio::awaitable<T>;

// g++ 12 destroys temporaries of a co_await operand twice in some shapes (lambdas and aggregates with destructors,
// conditional strings). The rule of these files: name it first, then await.

/// A connected socket whose reads and writes wait without holding a thread. Nothing waits beyond the deadline that
/// sweep() enforces. Threads: the I/O thread only, but for send_now().
class Stream {
 public:
  Stream(boost::asio::io_context& context, int socket);

  enum class Wait { ready, cancelled, expired, failed };

  /// Waits until there is something to read (also the end), the deadline passes, or cancel().
  Task<Wait> readable();

  /// Bytes of what there is; -1 when there is nothing yet, 0 at the end and for a broken connection.
  long receive_now(std::span<char> into);

  /// Sends what the kernel takes at once and moves `pieces` on; false for a broken connection. Threads: any, while the
  /// I/O thread does not use this.
  bool send_now(std::span<iovec>& pieces);

  /// Sends all, unless the connection breaks, the client takes nothing for `timeout_us`, or cancel(); `pieces` are then
  /// what is left.
  Task<Wait> send(std::span<iovec>& pieces, std::int64_t timeout_us);

  void set_deadline(std::int64_t steady_us) { deadline_us_ = steady_us; }
  void cancel();
  void sweep(std::int64_t now_us);  ///< ends a wait that is past its deadline
  bool peer_left();                 ///< it sends no more, as one that is gone; asks without waiting or reading
  void end_sending();               ///< the peer sees the end of what was sent
  void break_off();                 ///< every wait ends, and finds the connection at its end
  void forget_unsent();             ///< the peer gets nothing that it has not taken by close(), which resets
  void close();

 private:
  Task<Wait> wait(boost::asio::posix::descriptor_base::wait_type what);

  boost::asio::posix::stream_descriptor socket_;
  std::int64_t deadline_us_ = 0;  // 0: none
  bool waiting_ = false;
  bool expired_ = false;
};

/// Runs `work` by giving it to `start`, which must call what it is given once, from any thread; the coroutine goes on
/// after that on its I/O thread.
Task<void> continue_after(boost::asio::io_context& context, const std::function<void(std::function<void()>)>& start);

}  // namespace api

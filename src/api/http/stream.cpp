#include "api/http/stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/clock.h"

namespace api {

namespace asio = boost::asio;
using asio::posix::descriptor_base;

Stream::Stream(asio::io_context& context, int socket) : socket_(context, socket) {}

Task<Stream::Wait> Stream::wait(descriptor_base::wait_type what) {
  boost::system::error_code error;
  waiting_ = true;
  expired_ = false;
  co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, error));
  waiting_ = false;
  if (!error) co_return Wait::ready;
  if (expired_) co_return Wait::expired;
  co_return error == asio::error::operation_aborted ? Wait::cancelled : Wait::failed;
}

Task<Stream::Wait> Stream::readable() { return wait(descriptor_base::wait_read); }

long Stream::receive_now(std::span<char> into) {
  while (true) {
    const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (got >= 0) return got;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return -1;
    if (errno != EINTR) return 0;
  }
}

bool Stream::send_now(std::span<iovec>& pieces) {
  while (!pieces.empty()) {
    if (pieces.front().iov_len == 0) {
      pieces = pieces.subspan(1);
      continue;
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
    auto left = static_cast<std::size_t>(sent);
    while (left > 0) {
      const std::size_t step = std::min(left, pieces.front().iov_len);
      pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + step;
      pieces.front().iov_len -= step;
      left -= step;
      if (pieces.front().iov_len == 0) pieces = pieces.subspan(1);
    }
  }
  return true;
}

Task<Stream::Wait> Stream::send(std::span<iovec>& pieces, std::int64_t timeout_us) {
  while (true) {
    if (!send_now(pieces)) co_return Wait::failed;
    if (pieces.empty()) co_return Wait::ready;
    set_deadline(base::steady_now_us() + timeout_us);
    const Wait result = co_await wait(descriptor_base::wait_write);
    if (result != Wait::ready) co_return result;
  }
}

void Stream::cancel() {
  boost::system::error_code ignored;
  if (waiting_) socket_.cancel(ignored);
}

void Stream::sweep(std::int64_t now_us) {
  if (!waiting_ || deadline_us_ == 0 || now_us < deadline_us_) return;
  expired_ = true;
  cancel();
}

bool Stream::peer_left() {
  pollfd asked{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

void Stream::end_sending() { ::shutdown(socket_.native_handle(), SHUT_WR); }

void Stream::break_off() { ::shutdown(socket_.native_handle(), SHUT_RDWR); }

// Else the kernel goes on to offer megabytes to a client that reads slowly, for as long as that takes.
void Stream::forget_unsent() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Stream::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Task<void> continue_after(asio::io_context& context, const std::function<void(std::function<void()>)>& start) {
  auto begin = [&context, &start](auto&& handler) {
    auto go_on = std::make_shared<std::decay_t<decltype(handler)>>(std::forward<decltype(handler)>(handler));
    std::function<void()> done = [&context, go_on] {
      auto resume = [go_on] { std::move (*go_on)(); };
      asio::post(context, std::move(resume));
    };
    start(std::move(done));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(begin, asio::use_awaitable);
}

}  // namespace api

#include "wire/frames.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace wire {
namespace {

template <class T>
void append(std::string& out, T number) {
  for (std::size_t i = 0; i < sizeof number; ++i) out += static_cast<char>(number >> (8 * i));
}

template <class T>
T number_at(std::string_view bytes, std::size_t offset) {
  T number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i)
    number |= static_cast<T>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  return number;
}

constexpr std::size_t kReadBytes = std::size_t{1} << 16;

}  // namespace

std::string request_frame(std::uint64_t id, std::uint32_t k, std::string_view input) {
  std::string frame;
  frame.reserve(16 + input.size());
  append(frame, static_cast<std::uint32_t>(12 + input.size()));
  append(frame, id);
  append(frame, k);
  frame += input;
  return frame;
}

std::string answer_frame(std::uint64_t id, std::string_view json) {
  std::string frame;
  frame.reserve(12 + json.size());
  append(frame, static_cast<std::uint32_t>(8 + json.size()));
  append(frame, id);
  frame += json;
  return frame;
}

Request parse_request(std::string_view payload) {
  if (payload.size() < 12) throw base::Error(base::Code::invalid_argument, "a request frame is too short");
  return {number_at<std::uint64_t>(payload, 0), number_at<std::uint32_t>(payload, 8), payload.substr(12)};
}

Answer parse_answer(std::string_view payload) {
  if (payload.size() < 8) throw base::Error(base::Code::invalid_argument, "an answer frame is too short");
  return {number_at<std::uint64_t>(payload, 0), payload.substr(8)};
}

bool FrameReader::fill(int fd) {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t filled = buffer_.size();
  buffer_.resize(filled + kReadBytes);
  ssize_t got = 0;
  do {
    got = ::recv(fd, buffer_.data() + filled, kReadBytes, 0);
  } while (got < 0 && errno == EINTR);
  const int failure = got < 0 ? errno : 0;
  buffer_.resize(filled + static_cast<std::size_t>(got > 0 ? got : 0));
  if (failure == EAGAIN || failure == EWOULDBLOCK) return true;
  if (failure != 0 && failure != ECONNRESET) throw base::system_error("cannot read from the serving socket", failure);
  return got > 0;
}

std::optional<std::string_view> FrameReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(begin_);
  if (rest.size() < 4) return std::nullopt;
  const auto length = number_at<std::uint32_t>(rest, 0);
  if (length > kFrameLimitBytes)
    throw base::Error(base::Code::too_large,
                      fmt::format("a frame of {} bytes is over the limit of {}", length, kFrameLimitBytes));
  if (rest.size() < 4 + std::size_t{length}) return std::nullopt;
  begin_ += 4 + length;
  return rest.substr(4, length);
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0)
      throw base::Error(base::Code::unavailable,
                        fmt::format("cannot write to the serving socket: {}", std::strerror(errno)));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace wire

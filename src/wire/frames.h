#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wire {

// What travels on a serving socket; all numbers little-endian.
//   request: u32 length of what follows, u64 id, u32 k (0: the usual number), the input's bytes
//   answer:  u32 length of what follows, u64 id, JSON: {"predictions": [...]} or {"error": {"code", "message"}}

inline constexpr std::size_t kFrameLimitBytes = std::size_t{64} << 20;

std::string request_frame(std::uint64_t id, std::uint32_t k, std::string_view input);
std::string answer_frame(std::uint64_t id, std::string_view json);

struct Request {
  std::uint64_t id;
  std::uint32_t k;
  std::string_view input;
};
struct Answer {
  std::uint64_t id;
  std::string_view json;
};

/// The parts of a frame's payload. Errors: invalid_argument when it is too short.
Request parse_request(std::string_view payload);
Answer parse_answer(std::string_view payload);

/// Cuts a byte stream into frame payloads.
class FrameReader {
 public:
  /// Appends what one read of `fd` gives. False at the end of the stream. Errors: internal for a failed read.
  bool fill(int fd);

  /// The next whole payload; it holds until the next call of fill(). Errors: too_large for a frame over the limit.
  std::optional<std::string_view> next();

 private:
  std::string buffer_;
  std::size_t begin_ = 0;
};

/// Writes all of it, also to a socket that the other side closed (then: Error unavailable).
void send_all(int fd, std::string_view bytes);

}  // namespace wire

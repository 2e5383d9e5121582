#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace base {

/// SHA-256 of what is given, as 64 lower-case hex digits.
std::string sha256(std::string_view bytes);
std::string sha256_of_file(const std::filesystem::path& path);

/// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void add(std::string_view bytes);
  std::string finish();  ///< the digest; call once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `count` bytes from the system's random source. Errors: internal.
std::string random_bytes(std::size_t count);

/// Lower-case hex of bytes.
std::string hex(std::string_view bytes);

}  // namespace base

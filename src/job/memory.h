#pragma once
#include <cstdint>

namespace job {

/// Bytes of memory that this process holds and that could not be read again from a file; 0 where the system does not
/// tell.
std::int64_t resident_bytes();

/// What a process under a limit may still take, now that all that the network needs is in its place. `limit_bytes` 0:
/// no limit is known.
std::int64_t memory_left(std::int64_t limit_bytes);

/// What of the memory that is left decoding images gets.
std::int64_t decoding_bytes(std::int64_t left_bytes);

}  // namespace job

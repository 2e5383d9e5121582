#pragma once
#include <cstdint>

namespace job {

/// Bytes of memory that this process holds and that could not be read again from a file; 0 where the system does not
/// tell.
std::int64_t resident_bytes();

/// What a process under a limit may still use for decoding images, now that everything else is in its place. 0 for
/// `limit_bytes`: no limit is known.
std::int64_t decoding_bytes(std::int64_t limit_bytes);

}  // namespace job

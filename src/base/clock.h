#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace base {

/// Microseconds since 1970, UTC. The wall clock may step; use it for what people read.
std::int64_t wall_now_us();

/// Microseconds since some fixed point; never steps. Use it for durations.
std::int64_t steady_now_us();

/// "2026-01-31T12:00:00.123Z".
std::string rfc3339(std::int64_t wall_us);

/// A duration for people: "850 ms", "12.3 s", "4 min 05 s", "3 h 20 min".
std::string duration_text(double seconds);

/// A size for people, in powers of 1024, and where it is a round number of MB or GB, as people give sizes, in those
/// too: "512 B", "1.5 MiB", "2 GB (1.863 GiB)".
std::string size_text(double bytes);

/// "8", "512MB", "4GiB" as bytes: kB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB of 1024. Errors:
/// invalid_argument.
std::int64_t parse_size(std::string_view text);

}  // namespace base

#pragma once
#include <cstdint>

namespace cloud {

/// What the machine has to hand out to tenants.
struct Machine {
  int cpus = 1;
  std::int64_t memory_bytes = 0;
};

}  // namespace cloud

#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/claims.h"

namespace cloud {

/// What a tenant may use; nobody else gets any of it.
struct Share {
  int cpus = 0;
  std::int64_t memory_bytes = 0;
};

/// All that a decision depends on.
struct Snapshot {
  std::map<std::int64_t, Share> tenants;
  std::vector<Claim> claims;
};

/// What is to happen to one waiting claim.
struct Decision {
  std::int64_t owner = 0;
  bool start = false;
  int position = 0;                   ///< in the tenant's queue, 1 is next; 0 when it starts
  std::string reason;                 ///< why it waits, in the width of a table's column
  std::string remedy;                 ///< what a person can do about it
  std::optional<double> starts_in_s;  ///< estimate, if the ends of those before it are known
};

/// Decides about every claim that waits: the highest priority first within each tenant,
/// and of one priority first come, first served; nobody overtakes, so that a large
/// job is never starved by small ones; never more than the tenant's share. A pure function.
std::vector<Decision> schedule(const Snapshot& snapshot);

}  // namespace cloud

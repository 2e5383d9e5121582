#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cloud {

/// What one model holds or wants: for its training or for its deployment.
struct Claim {
  std::int64_t model = 0;
  std::int64_t tenant = 0;
  int cpus = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t since_us = 0;        ///< when it queued up; the order of the queue, then the model's number
  bool serves = false;              ///< is a deployment: gives nothing back until somebody undeploys it
  bool holds = false;               ///< has its resources already
  std::optional<double> ends_in_s;  ///< of one that holds: when it will give them back, if that is known
};

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
  std::int64_t model = 0;
  bool start = false;
  int position = 0;                   ///< in the tenant's queue, 1 is next; 0 when it starts
  std::string reason;                 ///< why it waits, in the width of a table's column
  std::string remedy;                 ///< what a person can do about it
  std::optional<double> starts_in_s;  ///< estimate, if the ends of those before it are known
};

/// Decides about every claim that waits: first come, first served within each tenant; nobody overtakes, so that a large
/// job is never starved by small ones; never more than the tenant's share. A pure function.
std::vector<Decision> schedule(const Snapshot& snapshot);

}  // namespace cloud

#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/sqlite/database.h"

namespace cloud {

enum class ClaimKind { training, deployment };
constexpr auto enumerators(ClaimKind) {
  return std::array{std::pair{ClaimKind::training, "training"}, std::pair{ClaimKind::deployment, "deployment"}};
}

/// What one thing holds of a tenant's resources, or waits for. A training ends by itself and gives back; a deployment
/// does not.
struct Claim {
  ClaimKind kind = ClaimKind::training;
  std::int64_t owner = 0;  ///< the model
  std::int64_t tenant = 0;
  int cpus = 0;
  std::int64_t memory_bytes = 0;
  int priority = 0;                 ///< the order of the queue: the highest, then the first, then the lowest owner
  std::int64_t since_us = 0;        ///< when it queued up
  bool holds = false;               ///< has its resources already
  std::optional<double> ends_in_s;  ///< of one that holds: when it will give them back, if that is known
};

// All inside a transaction.

/// The one claim that a model has, if any.
std::optional<Claim> claim_of(Database& db, std::int64_t model);

/// All of a tenant's (0: of all tenants).
std::vector<Claim> claims_of(Database& db, std::int64_t tenant);

/// It waits from here on. Errors: conflict when its owner has one.
void queue_up(Database& db, const Claim& wanted);

/// It has its resources from here on, or waits for them in the place in the queue that it had.
void hold(Database& db, std::int64_t model);
void wait_again(Database& db, std::int64_t model);

void give_back(Database& db, std::int64_t model);

}  // namespace cloud

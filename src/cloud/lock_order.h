#pragma once
#include <mutex>

#include "base/ordered.h"

namespace cloud {

using Mutex = base::Ordered<std::mutex>;

namespace locks {

// The one order in which the daemon's lasting locks are taken, first to last. Whoever holds one may take those below it
// only; each is checked when it is taken. Callbacks into other rooms are made with none of them held, or below all.
inline constexpr base::LockPlace kTurn{20, "a model's turn"};
inline constexpr base::LockPlace kRegistry{30, "the registry of deployments"};
inline constexpr base::LockPlace kReload{35, "the reloading of tokens"};
inline constexpr base::LockPlace kObjects{40, "the objects"};
inline constexpr base::LockPlace kStoreWrite{50, "the store's writer"};
inline constexpr base::LockPlace kStoreRead{60, "the store's reader"};
inline constexpr base::LockPlace kHistory{65, "the history"};
inline constexpr base::LockPlace kTokens{70, "the tokens"};
inline constexpr base::LockPlace kSupervisor{73, "the supervisor"};
inline constexpr base::LockPlace kChecks{75, "the checks"};
inline constexpr base::LockPlace kWorker{80, "the worker"};
inline constexpr base::LockPlace kJob{90, "a job"};
inline constexpr base::LockPlace kDeployment{100, "a deployment"};
inline constexpr base::LockPlace kEventLogs{110, "the event logs"};
inline constexpr base::LockPlace kEventLog{120, "an event log"};

}  // namespace locks
}  // namespace cloud

#include "cloud/scheduler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "base/clock.h"
#include "base/counted.h"

namespace cloud {
namespace {

std::string cpus_text(int cpus) { return base::counted(cpus, "CPU"); }
std::string memory_text(std::int64_t bytes) { return base::size_text(bytes) + " of memory"; }

constexpr std::size_t kNamed = 3;

std::string models_text(const std::vector<const Claim*>& holders) {
  std::vector<std::int64_t> ids;
  for (const Claim* claim : holders)
    if (ids.size() < kNamed) ids.push_back(claim->owner);
  const std::size_t more = holders.size() - ids.size();
  return fmt::format("model{} {}{} hold{}", holders.size() == 1 ? "" : "s", fmt::join(ids, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "", holders.size() == 1 ? "s" : "");
}

// The queue of one tenant.
class Queue {
 public:
  Queue(Share share, const std::vector<Claim>& claims, std::int64_t tenant) : share_(share), free_(share) {
    for (const Claim& claim : claims) {
      if (claim.tenant != tenant) continue;
      (claim.holds ? holders_ : waiting_).push_back(&claim);
      if (claim.holds) take(claim);
    }
    const auto earlier = [](const Claim* a, const Claim* b) {
      return std::tuple(-a->priority, a->since_us, a->owner) < std::tuple(-b->priority, b->since_us, b->owner);
    };
    std::sort(waiting_.begin(), waiting_.end(), earlier);
    std::sort(holders_.begin(), holders_.end(), [](const Claim* a, const Claim* b) { return a->owner < b->owner; });
  }

  void decide(std::vector<Decision>& decisions) {
    const Claim* blocked_by = nullptr;
    int position = 0;
    for (const Claim* claim : waiting_) {
      Decision decision{.owner = claim->owner};
      if (blocked_by == nullptr && fits(*claim)) {
        decision.start = true;
        take(*claim);
        holders_.push_back(claim);
      } else {
        decision.position = ++position;
        if (blocked_by == nullptr)
          explain(*claim, decision);
        else
          stand_behind(*claim, *blocked_by, decision);
        if (blocked_by == nullptr) decision.starts_in_s = estimate(*claim);
        blocked_by = claim;
      }
      decisions.push_back(std::move(decision));
    }
  }

 private:
  bool fits(const Claim& claim) const { return claim.cpus <= free_.cpus && claim.memory_bytes <= free_.memory_bytes; }
  void take(const Claim& claim) {
    free_.cpus -= claim.cpus;
    free_.memory_bytes -= claim.memory_bytes;
  }

  void explain(const Claim& claim, Decision& decision) const {
    if (claim.cpus > share_.cpus || claim.memory_bytes > share_.memory_bytes) {
      decision.reason = claim.cpus > share_.cpus
                            ? fmt::format("needs {}, {} allotted", cpus_text(claim.cpus), share_.cpus)
                            : fmt::format("needs {}, {} allotted", memory_text(claim.memory_bytes),
                                          base::size_text(share_.memory_bytes));
      decision.remedy = fmt::format(
          "an administrator can allot the tenant more (ncloud resource allot), or {} and ask for less",
          claim.kind == ClaimKind::deployment ? fmt::format("undeploy it (ncloud model undeploy {})", claim.owner)
                                              : fmt::format("stop it (ncloud model stop {})", claim.owner));
      return;
    }
    const bool cpus = claim.cpus > free_.cpus;
    decision.reason =
        cpus ? fmt::format("waits for {}: {} {} of {}", cpus_text(claim.cpus - free_.cpus), models_text(holders_),
                           share_.cpus - free_.cpus, share_.cpus)
             : fmt::format("waits for {}: {} {} of {}", memory_text(claim.memory_bytes - free_.memory_bytes),
                           models_text(holders_), base::size_text(share_.memory_bytes - free_.memory_bytes),
                           base::size_text(share_.memory_bytes));
    decision.remedy = remedy(cpus ? "fewer CPUs" : "less memory");
  }

  // A deployment gives nothing back by itself.
  std::string remedy(std::string_view less) const {
    for (const Claim* holder : holders_)
      if (holder->kind == ClaimKind::deployment)
        return fmt::format(
            "a deployment gives nothing back by itself: undeploy one (ncloud model undeploy {}), or ask for {}",
            holder->owner, less);
    return fmt::format(
        "it starts when a training ends; to have it sooner, stop one (ncloud model stop {}), or ask for {}",
        holders_.empty() ? 0 : holders_.front()->owner, less);
  }

  static void stand_behind(const Claim& claim, const Claim& first, Decision& decision) {
    decision.reason = fmt::format("waits behind model {}", first.owner);
    decision.remedy =
        fmt::format("{}; to let it go ahead: ncloud model {} {}",
                    first.priority > claim.priority ? "that has a higher priority" : "first come, first served",
                    first.kind == ClaimKind::deployment ? "undeploy" : "stop", first.owner);
  }

  // Holders give back in the order of their ends, until the claim fits.
  std::optional<double> estimate(const Claim& claim) const {
    std::vector<const Claim*> ending;
    for (const Claim* holder : holders_)
      if (holder->ends_in_s) ending.push_back(holder);
    std::sort(ending.begin(), ending.end(),
              [](const Claim* a, const Claim* b) { return *a->ends_in_s < *b->ends_in_s; });
    Share free = free_;
    for (const Claim* holder : ending) {
      free.cpus += holder->cpus;
      free.memory_bytes += holder->memory_bytes;
      if (claim.cpus <= free.cpus && claim.memory_bytes <= free.memory_bytes) return std::max(0.0, *holder->ends_in_s);
    }
    return std::nullopt;
  }

  Share share_, free_;
  std::vector<const Claim*> holders_, waiting_;
};

}  // namespace

std::vector<Decision> schedule(const Snapshot& snapshot) {
  std::vector<Decision> decisions;
  for (const auto& [tenant, share] : snapshot.tenants) Queue(share, snapshot.claims, tenant).decide(decisions);
  return decisions;
}

}  // namespace cloud

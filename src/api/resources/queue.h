#pragma once
#include "api/operation.h"

namespace api {

/// Something that waits for resources of its tenant.
struct Waiting {
  std::int64_t position = 0;
  std::int64_t model = 0;
  std::string name;
  std::string kind;
  std::string owner;
  int priority = 0;
  int cpus = 0;
  std::int64_t memory_bytes = 0;
  std::string since;
  std::optional<std::string> estimated_start;
  std::string reason;
  std::string remedy;
  static constexpr auto fields() {
    return std::tuple(
        base::field("position", &Waiting::position, "1 is next"),
        base::field("model", &Waiting::model, "number of the model"),
        base::field("name", &Waiting::name, "of the model"),
        base::field("kind", &Waiting::kind, "training or deployment"),
        base::field("owner", &Waiting::owner, "the user who submitted the model"),
        base::field("priority", &Waiting::priority, "higher ones stand before it"),
        base::field("cpus", &Waiting::cpus, "wanted"), base::field("memory_bytes", &Waiting::memory_bytes, "wanted"),
        base::field("since", &Waiting::since, "RFC 3339, UTC"),
        base::field("estimated_start", &Waiting::estimated_start, "RFC 3339, UTC; when it is known"),
        base::field("reason", &Waiting::reason, "why it waits"), base::field("remedy", &Waiting::remedy, "what helps"));
  }
};

extern const Operation<PageRequest, Page<Waiting>> list_queue;

}  // namespace api

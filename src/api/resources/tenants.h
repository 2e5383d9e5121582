#pragma once
#include <optional>

#include "api/operation.h"

namespace api {

/// A group of users that shares compute, datasets, volumes and models, and sees nothing of other tenants.
struct Tenant {
  std::int64_t id = 0;
  std::string name;
  std::string created_at;
  double cpus = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t disk_bytes = 0;
  bool takes_rest = false;
  std::int64_t max_users = 0, max_tokens = 0, max_models = 0, max_datasets = 0, max_volumes = 0;
  static constexpr auto fields() {
    return std::tuple(base::field("id", &Tenant::id, "number"), base::field("name", &Tenant::name, "unique name"),
                      base::field("cpus", &Tenant::cpus, "CPUs allotted"),
                      base::field("memory_bytes", &Tenant::memory_bytes, "memory allotted"),
                      base::field("disk_bytes", &Tenant::disk_bytes, "it may store; 0: as much as there is room for"),
                      base::field("takes_rest", &Tenant::takes_rest,
                                  "holds what no other tenant is allotted, until it is allotted something itself"),
                      base::field("max_users", &Tenant::max_users, "users it may have"),
                      base::field("max_tokens", &Tenant::max_tokens, "tokens each of its users may have"),
                      base::field("max_models", &Tenant::max_models, "models it may have"),
                      base::field("max_datasets", &Tenant::max_datasets, "datasets it may have"),
                      base::field("max_volumes", &Tenant::max_volumes, "volumes it may have"),
                      base::field("created_at", &Tenant::created_at, "RFC 3339, UTC"));
  }
};

struct TenantRef {
  std::string tenant;
  static constexpr auto fields() {
    return std::tuple(base::field("tenant", &TenantRef::tenant, "id or name").like(kReference).required().positional());
  }
};

struct CreateTenant {
  std::string name;
  static constexpr auto fields() {
    return std::tuple(base::field("name", &CreateTenant::name, "letters, digits, '-', '_' and '.'; at most 64")
                          .like(kName)
                          .required()
                          .positional()
                          .such_as("vision"));
  }
};

/// How many there may be of what costs no compute.
struct LimitTenant {
  static constexpr double kMost = 1000000;
  std::string tenant;
  std::optional<std::int64_t> max_users, max_tokens, max_models, max_datasets, max_volumes;
  static constexpr auto fields() {
    return std::tuple(
        base::field("tenant", &LimitTenant::tenant, "id or name").like(kReference).required().positional(),
        base::field("max_users", &LimitTenant::max_users, "users; as before when left out").range(1, kMost),
        base::field("max_tokens", &LimitTenant::max_tokens, "tokens of each user; as before when left out")
            .range(1, kMost),
        base::field("max_models", &LimitTenant::max_models, "models; as before when left out").range(1, kMost),
        base::field("max_datasets", &LimitTenant::max_datasets, "datasets; as before when left out").range(1, kMost),
        base::field("max_volumes", &LimitTenant::max_volumes, "volumes; as before when left out").range(1, kMost));
  }
};

/// What is taken out of the machine for one tenant alone.
struct Allotment {
  std::string tenant;
  int cpus = 0;
  std::string memory = "0";
  std::optional<std::string> disk;
  static constexpr auto fields() {
    return std::tuple(
        base::field("tenant", &Allotment::tenant, "id or name").like(kReference).required().positional(),
        base::field("cpus", &Allotment::cpus, "CPUs").required().range(0, 4096).flag('c'),
        base::field("memory", &Allotment::memory, "memory, such as 4GiB")
            .like(kSize)
            .required()
            .flag('m')
            .such_as("4GiB"),
        base::field("disk", &Allotment::disk,
                    "bytes it may store, such as 100GiB; 0: as much as there is room for; as before when left out")
            .like(kSize)
            .such_as("100GiB"));
  }
};

/// Compute of one tenant: what it may use and what is in use now.
struct Resources {
  std::string tenant;
  int cpus = 0;
  int cpus_used = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t memory_used_bytes = 0;
  std::int64_t disk_bytes = 0;
  std::int64_t disk_used_bytes = 0;
  std::int64_t jobs_running = 0;
  std::int64_t jobs_queued = 0;
  static constexpr auto fields() {
    return std::tuple(
        base::field("tenant", &Resources::tenant, "name"), base::field("cpus", &Resources::cpus, "allotted"),
        base::field("cpus_used", &Resources::cpus_used, "in use now"),
        base::field("memory_bytes", &Resources::memory_bytes, "allotted"),
        base::field("memory_used_bytes", &Resources::memory_used_bytes, "in use now"),
        base::field("disk_bytes", &Resources::disk_bytes, "it may store; 0: as there is room for"),
        base::field("disk_used_bytes", &Resources::disk_used_bytes, "in datasets, volumes and checkpoints"),
        base::field("jobs_running", &Resources::jobs_running, "jobs and deployments that hold resources"),
        base::field("jobs_queued", &Resources::jobs_queued, "jobs that wait"));
  }
};

extern const Operation<CreateTenant, Tenant> create_tenant;
extern const Operation<PageRequest, Page<Tenant>> list_tenants;
extern const Operation<TenantRef, Tenant> get_tenant;
extern const Operation<TenantRef, Nothing> delete_tenant;
extern const Operation<LimitTenant, Tenant> limit_tenant;
extern const Operation<Allotment, Tenant> allot_resources;
extern const Operation<PageRequest, Page<Resources>> list_resources;

}  // namespace api

#include "cloud/tenants.h"

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "cloud/answers.h"
#include "cloud/handlers/handlers.h"
#include "cloud/names.h"
#include "cloud/supervisor.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

api::Tenant create(const Parts& parts, const api::Call& call, const api::CreateTenant& request) {
  return parts.store.write([&](Database& db) {
    if (db.number("select count(*) from tenants where name = ?", request.name) > 0)
      throw Error(Code::conflict, fmt::format("there is a tenant '{}' already", request.name), "/name");
    const std::int64_t id = db.number("insert into tenants (name, created_us) values (?, ?) returning id", request.name,
                                      base::wall_now_us());
    return kept_answer(db, call, tenant_with(db, id));
  });
}

void remove(const Parts& parts, const api::TenantRef& request) {
  parts.store.write([&](Database& db) {
    const std::int64_t id = tenant_id_of(db, request.tenant);
    const std::int64_t users = db.number("select count(*) from roles where tenant_id = ?", id);
    const std::int64_t datasets = db.number("select count(*) from datasets where tenant_id = ?", id);
    const std::int64_t volumes = db.number("select count(*) from volumes where tenant_id = ?", id);
    const std::int64_t models = db.number("select count(*) from models where tenant_id = ?", id);
    if (users + datasets + volumes + models > 0)
      throw Error(Code::conflict,
                  fmt::format("tenant '{}' still has {}, {}, {} and {}; remove them first", tenant_with(db, id).name,
                              base::counted(users, "user"), base::counted(datasets, "dataset"),
                              base::counted(volumes, "volume"), base::counted(models, "model")));
    drop_tokens(db, "tenant_id", id);
    db.run("delete from user_groups where tenant_id = ?", id);
    db.run("delete from answers where tenant_id = ?", id);
    db.run("delete from tenants where id = ?", id);
    share_rest(db, parts.machine);
  });
  parts.identities.reload();
}

// Errors: over_allotment when jobs hold more than their tenant is to have from now on.
void check_holdings(Database& db, std::int64_t tenant) {
  const api::Resources now = resources_of(db, tenant);
  if (now.cpus_used <= now.cpus && now.memory_used_bytes <= now.memory_bytes) return;
  throw Error(Code::over_allotment,
              fmt::format("jobs of tenant '{}' hold {} and {} of memory now, and {} and {} would be left for them"
                          "; stop some first",
                          now.tenant, base::counted(now.cpus_used, "CPU"), base::size_text(now.memory_used_bytes),
                          base::counted(now.cpus, "CPU"), base::size_text(now.memory_bytes)));
}

api::Tenant allot(const Parts& parts, const api::Allotment& request) {
  const std::int64_t memory = base::parse_size(request.memory);
  constexpr std::int64_t kLeastBytes = 16 << 20;  // less is a forgotten unit
  if (memory != 0 && memory < kLeastBytes)
    throw Error(Code::invalid_argument,
                fmt::format("memory must be 0 or at least 16MiB, got '{}' ({} bytes); write it like 4GiB",
                            request.memory, memory),
                "/memory");
  const std::int64_t disk = request.disk ? base::parse_size(*request.disk) : -1;  // left as it is
  const auto tenant = parts.store.write([&](Database& db) {
    const std::int64_t id = tenant_id_of(db, request.tenant);
    // Who takes the rest gives way.
    constexpr std::string_view kOthers = "from tenants where id <> ? and takes_rest = 0";
    const std::int64_t cpus_of_others = db.number(fmt::format("select coalesce(sum(cpus), 0) {}", kOthers), id);
    const std::int64_t memory_of_others =
        db.number(fmt::format("select coalesce(sum(memory_bytes), 0) {}", kOthers), id);
    if (request.cpus > parts.machine.cpus - cpus_of_others)
      throw Error(Code::over_allotment,
                  fmt::format("{} asked for, {} left: the machine has {} and other tenants have {}",
                              base::counted(request.cpus, "CPU"), parts.machine.cpus - cpus_of_others,
                              parts.machine.cpus, cpus_of_others),
                  "/cpus");
    if (memory > parts.machine.memory_bytes - memory_of_others)
      throw Error(Code::over_allotment,
                  fmt::format("{} of memory asked for, {} left: the machine has {} and other tenants have {}",
                              base::size_text(memory), base::size_text(parts.machine.memory_bytes - memory_of_others),
                              base::size_text(parts.machine.memory_bytes), base::size_text(memory_of_others)),
                  "/memory");
    db.run("update tenants set cpus = ?, memory_bytes = ?, takes_rest = 0 where id = ?", request.cpus, memory, id);
    share_rest(db, parts.machine);
    check_holdings(db, id);
    const std::int64_t rest = db.number("select id from tenants where takes_rest = 1");
    if (rest != 0) check_holdings(db, rest);
    if (disk >= 0) db.run("update tenants set disk_bytes = ? where id = ?", disk, id);
    return tenant_with(db, id);
  });
  parts.supervisor.wake();  // what waited may start now
  return tenant;
}

}  // namespace

void handle_tenants(api::Router& router, Parts parts) {
  router.handle(api::create_tenant, [parts](const api::Call& call, const api::CreateTenant& request) {
    return create(parts, call, request);
  });
  router.handle(api::list_tenants, [parts](const api::Call&, const api::PageRequest& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    return parts.store.read([&](Database& db) {
      const auto ids = db.all(
          "select id from tenants where id < ? order by id desc limit ?", [](const Row& row) { return row.integer(0); },
          before, request.page_size + 1);
      std::vector<api::Tenant> tenants;
      for (const std::int64_t id : ids) tenants.push_back(tenant_with(db, id));
      return page_of(std::move(tenants), request.page_size, [](const api::Tenant& tenant) { return tenant.id; });
    });
  });
  router.handle(api::get_tenant, [parts](const api::Call&, const api::TenantRef& request) {
    return parts.store.read([&](Database& db) { return tenant_with(db, tenant_id_of(db, request.tenant)); });
  });
  router.handle(api::delete_tenant, [parts](const api::Call&, const api::TenantRef& request) {
    remove(parts, request);
    return api::Nothing{};
  });
  router.handle(api::limit_tenant, [parts](const api::Call& call, const api::LimitTenant& request) {
    return parts.store.write([&](Database& db) {
      const std::int64_t id = tenant_id_of(db, request.tenant);
      check_if_match(call, tenant_with(db, id));
      db.run(
          "update tenants set max_users = coalesce(?, max_users), max_tokens = coalesce(?, max_tokens), max_models = "
          "coalesce(?, max_models), max_datasets = coalesce(?, max_datasets), max_volumes = coalesce(?, max_volumes) "
          "where id = ?",
          request.max_users, request.max_tokens, request.max_models, request.max_datasets, request.max_volumes, id);
      return tenant_with(db, id);
    });
  });
  router.handle(api::allot_resources,
                [parts](const api::Call&, const api::Allotment& request) { return allot(parts, request); });
  router.handle(api::list_resources, [parts](const api::Call& call, const api::PageRequest& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    return parts.store.read([&](Database& db) {
      auto ids = db.all(
          "select id from tenants where id < ? and (? = 1 or id = ?) order by id desc limit ?",
          [](const Row& row) { return row.integer(0); }, before, call.identity.admin(), call.identity.tenant_id,
          request.page_size + 1);
      api::Page<api::Resources> page;
      if (ids.size() > static_cast<std::size_t>(request.page_size)) {
        ids.pop_back();
        page.next_page_token = std::to_string(ids.back());
      }
      for (const std::int64_t id : ids) page.items.push_back(resources_of(db, id));
      return page;
    });
  });
}

}  // namespace cloud

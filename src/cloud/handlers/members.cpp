#include "api/resources/members.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/answers.h"
#include "cloud/handlers/handlers.h"
#include "cloud/names.h"
#include "cloud/people.h"
#include "cloud/tenants.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kMaxGroups = 1000;  // of one tenant

api::Role role_in(const Row& row, int column) { return static_cast<api::Role>(row.integer(column)); }

api::Member member_with(Database& db, std::int64_t tenant, std::int64_t user) {
  auto member = *db.first(
      "select u.name, r.role, m.role from roles r join users u on u.id = r.user_id left join memberships m on "
      "m.user_id "
      "= r.user_id and m.tenant_id = r.tenant_id where r.tenant_id = ? and r.user_id = ?",
      [](const Row& row) {
        api::Member found{.user = row.text(0), .role = role_in(row, 1)};
        if (!row.null(2)) found.own_role = role_in(row, 2);
        return found;
      },
      tenant, user);
  member.groups = db.all(
      "select g.name from group_members m join user_groups g on g.id = m.group_id where g.tenant_id = ? and m.user_id "
      "= ? "
      "order by g.name",
      [](const Row& row) { return row.text(0); }, tenant, user);
  return member;
}

api::Page<api::Member> list(Database& db, std::int64_t tenant, const api::PageRequest& request) {
  const std::int64_t before = number_in_page_token(request.page_token, kNewest);
  auto ids = db.all(
      "select user_id from roles where tenant_id = ? and user_id < ? order by user_id desc limit ?",
      [](const Row& row) { return row.integer(0); }, tenant, before, request.page_size + 1);
  api::Page<api::Member> page;
  if (ids.size() > static_cast<std::size_t>(request.page_size)) {
    ids.pop_back();
    page.next_page_token = std::to_string(ids.back());
  }
  for (const std::int64_t user : ids) page.items.push_back(member_with(db, tenant, user));
  return page;
}

// Errors: conflict when the caller would lose the right to undo it.
void refuse_own(const api::Call& call, std::int64_t user) {
  if (user == call.identity.user_id && !call.identity.admin())
    throw Error(Code::conflict, "you cannot remove yourself; let another manager or an administrator do it");
}

void remove_member(Database& db, const api::Call& call, const api::MemberRef& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  const std::int64_t user = user_id_of(db, request.user);
  if (db.number("select count(*) from roles where user_id = ? and tenant_id = ?", user, tenant) == 0)
    throw no_such_user(request.user);
  refuse_own(call, user);
  db.run("delete from memberships where user_id = ? and tenant_id = ?", user, tenant);
  db.run("delete from group_members where user_id = ? and group_id in (select id from user_groups where tenant_id = ?)",
         user, tenant);
  drop_tokens_for(db, user, tenant);
}

std::int64_t group_id_of(Database& db, std::int64_t tenant, std::string_view reference) {
  return named_id_of(db, {"user_groups", "group"}, tenant, reference);
}

api::Group group_with(Database& db, std::int64_t id) {
  auto group = *db.first(
      "select id, name, role, created_us from user_groups where id = ?",
      [](const Row& row) {
        return api::Group{.id = row.integer(0),
                          .name = row.text(1),
                          .role = role_in(row, 2),
                          .created_at = base::rfc3339(row.integer(3))};
      },
      id);
  group.users = db.all(
      "select u.name from group_members m join users u on u.id = m.user_id where m.group_id = ? order by u.name",
      [](const Row& row) { return row.text(0); }, id);
  return group;
}

api::Role group_role(api::Role role) {
  if (role == api::Role::admin)
    throw Error(Code::invalid_argument, "role: expected viewer, member or manager; a group has a role in its tenant",
                "/role");
  return role;
}

void check_group_name(Database& db, std::int64_t tenant, const std::string& name, std::int64_t id) {
  if (db.number("select count(*) from user_groups where tenant_id = ? and name = ? and id <> ?", tenant, name, id) > 0)
    throw Error(Code::conflict, fmt::format("there is a group '{}' already", name), "/name");
}

api::Group create_group(Database& db, const api::Call& call, const api::CreateGroup& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  check_group_name(db, tenant, request.name, 0);
  if (db.number("select count(*) from user_groups where tenant_id = ?", tenant) >= kMaxGroups)
    throw Error(Code::over_allotment,
                fmt::format("a tenant may have {} groups; remove some: ncloud group rm", kMaxGroups));
  const std::int64_t id =
      db.number("insert into user_groups (tenant_id, name, role, created_us) values (?, ?, ?, ?) returning id", tenant,
                request.name, static_cast<int>(group_role(request.role)), base::wall_now_us());
  return kept_answer(db, call, group_with(db, id));
}

api::Group modify_group(Database& db, const api::Call& call, const api::ModifyGroup& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  const std::int64_t id = group_id_of(db, tenant, request.group);
  check_if_match(call, group_with(db, id));
  if (request.name) {
    check_group_name(db, tenant, *request.name, id);
    db.run("update user_groups set name = ? where id = ?", *request.name, id);
  }
  if (request.role)
    db.run("update user_groups set role = ? where id = ?", static_cast<int>(group_role(*request.role)), id);
  return group_with(db, id);
}

void delete_group(Database& db, const api::Call& call, const api::GroupRef& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  const std::int64_t id = group_id_of(db, tenant, request.group);
  const auto users =
      db.all("select user_id from group_members where group_id = ?", [](const Row& row) { return row.integer(0); }, id);
  db.run("delete from group_members where group_id = ?", id);
  db.run("delete from user_groups where id = ?", id);
  for (const std::int64_t user : users) drop_tokens_for(db, user, tenant);
}

api::Group add_to_group(Database& db, const api::Call& call, const api::GroupUser& request) {
  const std::int64_t id = group_id_of(db, call.identity.tenant_id, request.group);
  const std::int64_t user = user_id_of(db, request.user);
  check_count(db, call.identity.tenant_id, Counted::users, user);
  db.run("insert into group_members (group_id, user_id) values (?, ?) on conflict do nothing", id, user);
  return group_with(db, id);
}

api::Group remove_from_group(Database& db, const api::Call& call, const api::GroupUser& request) {
  const std::int64_t id = group_id_of(db, call.identity.tenant_id, request.group);
  const std::int64_t user = user_id_of(db, request.user);
  if (db.run("delete from group_members where group_id = ? and user_id = ?", id, user) == 0)
    throw no_such_user(request.user);
  drop_tokens_for(db, user, call.identity.tenant_id);
  return group_with(db, id);
}

}  // namespace

void handle_members(api::Router& router, Parts parts) {
  // A change of who may what, and then what everybody knows of it.
  const auto change = [parts](auto work) {
    return [parts, work](const api::Call& call, const auto& request) {
      if constexpr (std::is_void_v<decltype(work(std::declval<Database&>(), call, request))>) {
        parts.store.write([&](Database& db) { work(db, call, request); });
        parts.identities.reload();
        return api::Nothing{};
      } else {
        auto answer = parts.store.write([&](Database& db) { return work(db, call, request); });
        parts.identities.reload();
        return answer;
      }
    };
  };
  router.handle(api::list_members, [parts](const api::Call& call, const api::PageRequest& request) {
    return parts.store.read([&](Database& db) { return list(db, call.identity.tenant_id, request); });
  });
  router.handle(api::set_member, change([](Database& db, const api::Call& call, const api::SetMember& request) {
                  const std::int64_t user = user_id_of(db, request.user);
                  if (request.role < api::Role::manager) refuse_own(call, user);
                  set_role(db, user, call.identity.tenant_id, request.role);
                  return member_with(db, call.identity.tenant_id, user);
                }));
  router.handle(api::remove_member, change(remove_member));
  router.handle(api::list_groups, [parts](const api::Call& call, const api::PageRequest& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    return parts.store.read([&](Database& db) {
      const auto ids = db.all(
          "select id from user_groups where tenant_id = ? and id < ? order by id desc limit ?",
          [](const Row& row) { return row.integer(0); }, call.identity.tenant_id, before, request.page_size + 1);
      std::vector<api::Group> groups;
      for (const std::int64_t id : ids) groups.push_back(group_with(db, id));
      return page_of(std::move(groups), request.page_size, [](const api::Group& group) { return group.id; });
    });
  });
  router.handle(api::get_group, [parts](const api::Call& call, const api::GroupRef& request) {
    return parts.store.read(
        [&](Database& db) { return group_with(db, group_id_of(db, call.identity.tenant_id, request.group)); });
  });
  router.handle(api::create_group, change(create_group));
  router.handle(api::modify_group, change(modify_group));
  router.handle(api::delete_group, change(delete_group));
  router.handle(api::add_to_group, change(add_to_group));
  router.handle(api::remove_from_group, change(remove_from_group));
}

}  // namespace cloud

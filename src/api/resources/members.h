#pragma once
#include "api/operation.h"

namespace api {

// People of the tenant that a call is for: single users and groups, with what they may do in it.

struct Member {
  std::string user;
  Role role = Role::viewer;
  std::optional<Role> own_role;
  std::vector<std::string> groups;
  static constexpr auto fields() {
    return std::tuple(
        base::field("user", &Member::user, "name"),
        base::field("role", &Member::role, "what the user may do here: the most of all that follows"),
        base::field("own_role", &Member::own_role, "held by the user alone; absent when only groups give one"),
        base::field("groups", &Member::groups, "groups of the tenant that the user is in"));
  }
};

struct SetMember {
  std::string user;
  Role role = Role::member;
  static constexpr auto fields() {
    return std::tuple(
        base::field("user", &SetMember::user, "id or name").like(kReference).required().positional(),
        base::field("role", &SetMember::role, "viewer (sees), member (trains, deploys) or manager (people)").flag('r'));
  }
};

struct MemberRef {
  std::string user;
  static constexpr auto fields() {
    return std::tuple(base::field("user", &MemberRef::user, "id or name").like(kReference).required().positional());
  }
};

/// Users of a tenant who hold a role together.
struct Group {
  std::int64_t id = 0;
  std::string name;
  Role role = Role::member;
  std::vector<std::string> users;
  std::string created_at;
  static constexpr auto fields() {
    return std::tuple(base::field("id", &Group::id, "number"),
                      base::field("name", &Group::name, "unique in its tenant"),
                      base::field("role", &Group::role, "what its users may do in the tenant"),
                      base::field("users", &Group::users, "names of those in it"),
                      base::field("created_at", &Group::created_at, "RFC 3339, UTC"));
  }
};

struct CreateGroup {
  std::string name;
  Role role = Role::member;
  static constexpr auto fields() {
    return std::tuple(base::field("name", &CreateGroup::name, "letters, digits, '-', '_' and '.'; at most 64")
                          .like(kName)
                          .required()
                          .positional()
                          .such_as("researchers"),
                      base::field("role", &CreateGroup::role, "viewer, member or manager").flag('r'));
  }
};

struct GroupRef {
  std::string group;
  static constexpr auto fields() {
    return std::tuple(base::field("group", &GroupRef::group, "id or name").like(kReference).required().positional());
  }
};

struct ModifyGroup {
  std::string group;
  std::optional<std::string> name;
  std::optional<Role> role;
  static constexpr auto fields() {
    return std::tuple(base::field("group", &ModifyGroup::group, "id or name").like(kReference).required().positional(),
                      base::field("name", &ModifyGroup::name, "another name").like(kName).such_as("researchers"),
                      base::field("role", &ModifyGroup::role, "another role: viewer, member or manager").flag('r'));
  }
};

struct GroupUser {
  std::string group;
  std::string user;
  static constexpr auto fields() {
    return std::tuple(base::field("group", &GroupUser::group, "id or name").like(kReference).required().positional(),
                      base::field("user", &GroupUser::user, "id or name").like(kReference).required().positional());
  }
};

extern const Operation<PageRequest, Page<Member>> list_members;
extern const Operation<SetMember, Member> set_member;
extern const Operation<MemberRef, Nothing> remove_member;
extern const Operation<PageRequest, Page<Group>> list_groups;
extern const Operation<CreateGroup, Group> create_group;
extern const Operation<GroupRef, Group> get_group;
extern const Operation<ModifyGroup, Group> modify_group;
extern const Operation<GroupRef, Nothing> delete_group;
extern const Operation<GroupUser, Group> add_to_group;
extern const Operation<GroupUser, Group> remove_from_group;

}  // namespace api

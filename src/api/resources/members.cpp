#include "api/resources/members.h"

namespace api {

using base::Code;

const Operation<PageRequest, Page<Member>> list_members{{.name = "list_members",
                                                         .method = Method::get,
                                                         .path = "/api/v2/members",
                                                         .permission = Permission::viewer,
                                                         .summary = "List who belongs to your tenant, and as what",
                                                         .command = "member ls"}};

const Operation<SetMember, Member> set_member{
    {.name = "set_member",
     .method = Method::put,
     .path = "/api/v2/members/{user}",
     .permission = Permission::manager,
     .summary = "Take a user into your tenant, or change the user's role in it",
     .command = "member set",
     .done = "user {user} is a {role} now",
     .errors = {Code::over_allotment},
     .example = R"({"role": "manager"})"}};

const Operation<MemberRef, Nothing> remove_member{
    {.name = "remove_member",
     .method = Method::del,
     .path = "/api/v2/members/{user}",
     .permission = Permission::manager,
     .summary = "Remove a user from your tenant and its groups, with the tokens for it; what the user made stays",
     .command = "member rm",
     .done = "user {user} belongs to the tenant no more",
     .errors = {Code::conflict}}};

const Operation<PageRequest, Page<Group>> list_groups{{.name = "list_groups",
                                                       .method = Method::get,
                                                       .path = "/api/v2/groups",
                                                       .permission = Permission::viewer,
                                                       .summary = "List the groups of your tenant",
                                                       .command = "group ls"}};

const Operation<CreateGroup, Group> create_group{{.name = "create_group",
                                                  .method = Method::post,
                                                  .path = "/api/v2/groups",
                                                  .permission = Permission::manager,
                                                  .summary = "Add a group of users who hold a role together",
                                                  .command = "group add",
                                                  .done = "group {name} added; its users are {role}s",
                                                  .errors = {Code::conflict, Code::over_allotment},
                                                  .example = R"({"name": "researchers", "role": "member"})",
                                                  .creates = true}};

const Operation<GroupRef, Group> get_group{{.name = "get_group",
                                            .method = Method::get,
                                            .path = "/api/v2/groups/{group}",
                                            .permission = Permission::viewer,
                                            .summary = "Show a group and who is in it",
                                            .command = "group show"}};

const Operation<ModifyGroup, Group> modify_group{{.name = "modify_group",
                                                  .method = Method::patch,
                                                  .path = "/api/v2/groups/{group}",
                                                  .permission = Permission::manager,
                                                  .summary = "Give a group another name or role",
                                                  .command = "group modify",
                                                  .done = "group {name}: {role}",
                                                  .errors = {Code::conflict, Code::precondition_failed},
                                                  .example = R"({"role": "manager"})"}};

const Operation<GroupRef, Nothing> delete_group{{.name = "delete_group",
                                                 .method = Method::del,
                                                 .path = "/api/v2/groups/{group}",
                                                 .permission = Permission::manager,
                                                 .summary = "Remove a group; its users lose what it gave them",
                                                 .command = "group rm",
                                                 .done = "group {group} removed"}};

const Operation<GroupUser, Group> add_to_group{{.name = "add_to_group",
                                                .method = Method::put,
                                                .path = "/api/v2/groups/{group}/users/{user}",
                                                .permission = Permission::manager,
                                                .summary = "Put a user into a group, and so into the tenant",
                                                .command = "group join",
                                                .done = "group {name}: {users}",
                                                .errors = {Code::over_allotment}}};

const Operation<GroupUser, Group> remove_from_group{{.name = "remove_from_group",
                                                     .method = Method::del,
                                                     .path = "/api/v2/groups/{group}/users/{user}",
                                                     .permission = Permission::manager,
                                                     .summary = "Take a user out of a group",
                                                     .command = "group leave",
                                                     .done = "group {name}: {users}"}};

}  // namespace api

#include <gmock/gmock.h>

#include "cloud/fake_cloud_test.h"

namespace cloud {
namespace {

using Identity = FakeCloud;

TEST_F(Identity, the_first_start_gives_one_admin_token_and_no_later_one_does) {
  EXPECT_TRUE(admin_token.starts_with("nc_"));
  EXPECT_EQ(admin_token.size(), 3u + 43u);
  const auto me = call(admin_token, api::get_caller, {});
  EXPECT_EQ(me.user, "admin");
  EXPECT_EQ(me.tenant, "default");
  EXPECT_TRUE(me.admin);
  daemon.reset();
  start();
  EXPECT_FALSE(daemon->first_token());
  EXPECT_EQ(call(admin_token, api::get_caller, {}).user, "admin");
}

TEST_F(Identity, the_secret_is_in_no_file) {
  daemon.reset();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
    if (entry.is_regular_file()) {
      EXPECT_EQ(base::read_file(entry.path()).find(admin_token), std::string::npos) << entry.path();
    }
}

TEST_F(Identity, unknown_revoked_and_expired_tokens_are_refused_at_once) {
  EXPECT_FALSE(daemon->identities().authenticate(""));
  EXPECT_FALSE(daemon->identities().authenticate("nc_wrong"));
  EXPECT_FALSE(daemon->identities().authenticate(admin_token + "x"));
  const std::string user = make_tenant("vision");
  const auto token = call(user, api::create_token, {.note = "laptop"});
  EXPECT_TRUE(daemon->identities().authenticate(*token.token));
  call(user, api::revoke_token, {.token = token.id});
  EXPECT_FALSE(daemon->identities().authenticate(*token.token));
  call(admin_token, api::delete_user, {.user = "vision-user"});
  EXPECT_FALSE(daemon->identities().authenticate(user));
}

TEST_F(Identity, lists_never_show_secrets_and_users_see_their_own_tokens_only) {
  const std::string user = make_tenant("vision");
  const auto mine = call(user, api::list_tokens, {});
  ASSERT_EQ(mine.items.size(), 1u);
  EXPECT_FALSE(mine.items[0].token);
  EXPECT_EQ(mine.items[0].user, "vision-user");
  const auto all = call(admin_token, api::list_tokens, {});
  EXPECT_EQ(all.items.size(), 2u);
  EXPECT_REFUSED(call(user, api::revoke_token, {.token = 1}), not_found, "no token 1");
  EXPECT_REFUSED(call(user, api::create_token, {.user = "admin"}), not_found, "no user 'admin'");
  EXPECT_REFUSED(call(user, api::create_token, {.tenant = "default"}), not_found, "no tenant 'default'");
}

TEST_F(Identity, only_administrators_manage_tenants_and_users) {
  const std::string user = make_tenant("vision");
  EXPECT_REFUSED(call(user, api::create_tenant, {.name = "x"}), permission_denied, "administrators");
  EXPECT_REFUSED(call(user, api::list_tenants, {}), permission_denied, "");
  EXPECT_REFUSED(call(user, api::get_tenant, {.tenant = "vision"}), permission_denied, "");
  EXPECT_REFUSED(call(user, api::delete_tenant, {.tenant = "vision"}), permission_denied, "");
  EXPECT_REFUSED(call(user, api::allot_resources, {.tenant = "vision", .cpus = 4, .memory = "1GiB"}), permission_denied,
                 "");
  EXPECT_REFUSED(call(user, api::create_user, {.name = "eve", .tenants = {"vision"}, .admin = true}), permission_denied,
                 "");
  EXPECT_REFUSED(call(user, api::list_users, {}), permission_denied, "");
  EXPECT_REFUSED(call(user, api::get_user, {.user = "admin"}), permission_denied, "");
  EXPECT_REFUSED(call(user, api::delete_user, {.user = "admin"}), permission_denied, "");
}

TEST_F(Identity, a_token_gives_no_more_than_it_has) {
  const std::string user = make_tenant("vision");
  call(admin_token, api::create_tenant, {.name = "audio"});
  call(admin_token, api::create_user, {.name = "both", .tenants = {"vision", "audio"}});
  const std::string of_audio = *call(admin_token, api::create_token, {.user = "both", .tenant = "audio"}).token;
  EXPECT_EQ(call(of_audio, api::create_token, {}).tenant, "audio");
  EXPECT_REFUSED(call(of_audio, api::create_token, {.tenant = "vision"}), permission_denied, "tenant 'audio'");

  const auto day = call(user, api::create_token, {.expires_in_days = 1});
  const auto heir = call(*day.token, api::create_token, {});
  EXPECT_EQ(heir.expires_at, day.expires_at);
  EXPECT_EQ(heir.made_by, day.id);
  EXPECT_REFUSED(call(*day.token, api::create_token, {.expires_in_days = 2}), permission_denied, "your token ends");
  const auto admin_day = call(admin_token, api::create_token, {.expires_in_days = 1});
  EXPECT_EQ(call(*admin_day.token, api::create_token, {.user = "both"}).expires_at, admin_day.expires_at);

  const auto plain = call(admin_token, api::create_token, {.scope = api::Role::manager});
  EXPECT_FALSE(call(*plain.token, api::get_caller, {}).admin);
  EXPECT_REFUSED(call(*plain.token, api::list_tenants, {}), permission_denied, "administrators");
  const auto of_plain = call(*plain.token, api::create_token, {});
  EXPECT_EQ(of_plain.scope, api::Role::manager);
  EXPECT_FALSE(call(*of_plain.token, api::get_caller, {}).admin);
  EXPECT_REFUSED(call(*plain.token, api::create_token, {.scope = api::Role::admin}), permission_denied,
                 "your token's scope is manager");
  const auto reader = call(user, api::create_token, {.scope = api::Role::viewer});
  EXPECT_TRUE(call(*reader.token, api::list_models, {}).items.empty());
  EXPECT_REFUSED(make_dataset(*reader.token), permission_denied,
                 "takes a member of tenant 'vision', and vision-user is a viewer here");
}

TEST_F(Identity, a_revoked_token_takes_along_what_it_made) {
  const std::string user = make_tenant("vision");
  const auto first = call(user, api::create_token, {});
  const auto second = call(*first.token, api::create_token, {});
  const auto third = call(*second.token, api::create_token, {});
  const auto other = call(user, api::create_token, {});
  call(user, api::revoke_token, {.token = first.id});
  for (const auto& gone : {first, second, third}) EXPECT_FALSE(daemon->identities().authenticate(*gone.token));
  EXPECT_TRUE(daemon->identities().authenticate(*other.token));
  EXPECT_TRUE(daemon->identities().authenticate(user));
}

TEST_F(Identity, others_tokens_go_only_when_that_is_said) {
  call(admin_token, api::create_tenant, {.name = "vision"});
  call(admin_token, api::create_user, {.name = "ada", .tenants = {"vision"}});
  const auto second = call(admin_token, api::create_token, {});
  const auto ada = call(*second.token, api::create_token, {.user = "ada"});
  EXPECT_REFUSED(call(admin_token, api::revoke_token, {.token = second.id}), conflict, "(ada)");
  call(admin_token, api::revoke_token, {.token = second.id, .keep_made = true});
  EXPECT_FALSE(daemon->identities().authenticate(*second.token));
  EXPECT_TRUE(daemon->identities().authenticate(*ada.token));
  const auto third = call(admin_token, api::create_token, {});
  const auto eve = call(*third.token, api::create_token, {.user = "ada"});
  call(admin_token, api::revoke_token, {.token = third.id, .force = true});
  EXPECT_FALSE(daemon->identities().authenticate(*eve.token));
  EXPECT_TRUE(daemon->identities().authenticate(*ada.token));
  // Who leaves takes no colleague along.
  call(admin_token, api::create_user, {.name = "bob", .tenants = {"vision"}, .admin = true});
  const auto bob = call(admin_token, api::create_token, {.user = "bob"});
  const auto by_bob = call(*bob.token, api::create_token, {.user = "ada"});
  call(admin_token, api::delete_user, {.user = "bob"});
  EXPECT_FALSE(daemon->identities().authenticate(*bob.token));
  EXPECT_TRUE(daemon->identities().authenticate(*by_bob.token));
}

TEST_F(Identity, the_last_administrators_token_stays_unless_forced) {
  make_tenant("vision");
  const std::int64_t last = call(admin_token, api::list_tokens, {}).items.back().id;
  call(admin_token, api::create_token, {.scope = api::Role::manager});
  EXPECT_REFUSED(call(admin_token, api::revoke_token, {.token = last, .keep_made = true}), conflict,
                 "ncloudd --new-admin-token");
  call(admin_token, api::revoke_token, {.token = last, .force = true});
  EXPECT_FALSE(daemon->identities().authenticate(admin_token));
  // Beside the running daemon, which finds it when it is used.
  Store beside(folder.path() / "ncloud.db", Store::Schema::as_it_is);
  const std::string found = Identities(beside).new_admin_token("lost and found");
  eventually([&] { return daemon->identities().authenticate(found).has_value(); });
  EXPECT_TRUE(call(found, api::get_caller, {}).admin);
}

TEST_F(Identity, a_tenant_has_so_many_of_each_thing_and_no_more) {
  const std::string user = make_tenant("vision");
  EXPECT_EQ(call(admin_token, api::get_tenant, {.tenant = "vision"}).max_tokens, 1000);
  const auto limited = call(admin_token, api::limit_tenant,
                            {.tenant = "vision", .max_users = 2, .max_tokens = 2, .max_models = 1, .max_datasets = 1});
  EXPECT_EQ(limited.max_users, 2);
  EXPECT_EQ(call(admin_token, api::limit_tenant, {.tenant = "vision", .max_models = 1}).max_datasets, 1);

  const auto day = call(user, api::create_token, {.expires_in_days = 1});
  EXPECT_REFUSED(call(user, api::create_token, {}), over_allotment, "has 2 tokens and may have 2");
  Store beside(folder.path() / "ncloud.db", Store::Schema::as_it_is);
  beside.write([&](Database& db) { db.run("update tokens set expires_us = 1 where id = ?", day.id); });
  call(user, api::create_token, {});  // what has expired does not count

  call(admin_token, api::create_user, {.name = "ada", .tenants = {"vision"}});
  EXPECT_REFUSED(call(admin_token, api::create_user, {.name = "bob", .tenants = {"vision"}}), over_allotment,
                 "has 2 users and may have 2");
  call_in("vision", admin_token, api::create_group, {.name = "crew"});
  EXPECT_REFUSED(call_in("vision", admin_token, api::add_to_group, {.group = "crew", .user = "admin"}), over_allotment,
                 "2 users");
  call_in("vision", admin_token, api::add_to_group, {.group = "crew", .user = "ada"});

  make_dataset(user);
  EXPECT_REFUSED(make_dataset(user, "more"), over_allotment, "has 1 dataset and may have 1");
  train(user, 1);
  EXPECT_REFUSED(train(user, 1), over_allotment, "has 1 model and may have 1");
}

TEST_F(Identity, the_first_tenant_holds_what_others_leave) {
  const auto rest = [&] { return call(admin_token, api::get_tenant, {.tenant = "default"}); };
  EXPECT_EQ(rest().cpus, 4);
  EXPECT_EQ(rest().memory_bytes, std::int64_t{8} << 30);
  make_tenant("vision", 3, "2GiB");
  EXPECT_EQ(rest().cpus, 1);
  EXPECT_EQ(rest().memory_bytes, std::int64_t{6} << 30);
  make_dataset(admin_token);
  train(admin_token);
  EXPECT_REFUSED(call(admin_token, api::allot_resources, {.tenant = "vision", .cpus = 4, .memory = "2GiB"}),
                 over_allotment, "jobs of tenant 'default' hold 1 CPU and");
  EXPECT_EQ(rest().cpus, 1);
  call(admin_token, api::allot_resources, {.tenant = "vision", .cpus = 1, .memory = "2GiB"});
  EXPECT_EQ(rest().cpus, 3);
  call(admin_token, api::allot_resources, {.tenant = "default", .cpus = 2, .memory = "4GiB"});
  EXPECT_FALSE(rest().takes_rest);
  call(admin_token, api::allot_resources, {.tenant = "vision", .cpus = 0, .memory = "0"});
  EXPECT_EQ(rest().cpus, 2);
}

TEST_F(Identity, names_follow_a_grammar) {
  for (const std::string name : {"", ".", "..", "a/b", "a b", "-a", "a\n", "17", "ä"})
    EXPECT_REFUSED(call(admin_token, api::create_tenant, {.name = name}), invalid_argument, "name: expected 1 to 64");
  EXPECT_REFUSED(call(admin_token, api::create_tenant, {.name = std::string(65, 'a')}), invalid_argument,
                 "65 characters");
  call(admin_token, api::create_tenant, {.name = "a.b-c_9"});
  EXPECT_REFUSED(call(admin_token, api::create_tenant, {.name = "a.b-c_9"}), conflict, "already");
  call(admin_token, api::create_user, {.name = "ada@example.org", .tenants = {"a.b-c_9"}});
  EXPECT_REFUSED(call(admin_token, api::create_user, {.name = "bob", .tenants = {"nowhere"}}), not_found, "nowhere");
}

TEST_F(Identity, allotments_never_exceed_the_machine) {
  make_tenant("a", 3, "4GiB");
  call(admin_token, api::create_tenant, {.name = "b"});
  EXPECT_REFUSED(call(admin_token, api::allot_resources, {.tenant = "b", .cpus = 2, .memory = "1GiB"}), over_allotment,
                 "2 CPUs asked for, 1 left: the machine has 4 and other tenants have 3");
  EXPECT_REFUSED(call(admin_token, api::allot_resources, {.tenant = "b", .cpus = 1, .memory = "5GiB"}), over_allotment,
                 "of memory asked for");
  call(admin_token, api::allot_resources, {.tenant = "b", .cpus = 1, .memory = "4GiB"});
  call(admin_token, api::allot_resources, {.tenant = "a", .cpus = 2, .memory = "4GiB"});
  EXPECT_EQ(call(admin_token, api::list_resources, {}).items.size(), 3u);
}

TEST_F(Identity, a_tenant_goes_only_when_it_is_empty) {
  make_tenant("vision");
  EXPECT_REFUSED(call(admin_token, api::delete_tenant, {.tenant = "vision"}), conflict,
                 "1 user, 0 datasets, 0 volumes and 0 models");
  call(admin_token, api::delete_user, {.user = "vision-user"});
  call(admin_token, api::delete_tenant, {.tenant = "vision"});
  EXPECT_REFUSED(call(admin_token, api::get_tenant, {.tenant = "vision"}), not_found, "no tenant 'vision'");
  EXPECT_REFUSED(call(admin_token, api::delete_user, {.user = "admin"}), conflict, "yourself");
}

TEST_F(Identity, pages_cover_everything_once) {
  for (int i = 0; i < 5; ++i) call(admin_token, api::create_tenant, {.name = "t" + std::to_string(i)});
  std::vector<std::string> names;
  api::PageRequest request{.page_size = 2};
  do {
    const auto page = call(admin_token, api::list_tenants, request);
    for (const auto& tenant : page.items) names.push_back(tenant.name);
    request.page_token = page.next_page_token;
  } while (!request.page_token.empty());
  EXPECT_EQ(names, (std::vector<std::string>{"t4", "t3", "t2", "t1", "t0", "default"}));
  EXPECT_REFUSED(call(admin_token, api::list_tenants, {.page_token = "x"}), invalid_argument, "page_token");
}

// Every operation that names a dataset or a model, called with one of another tenant: as if it did not exist.
TEST_F(Identity, foreign_things_do_not_exist) {
  const std::string owner = make_tenant("vision"), stranger = make_tenant("audio", 1, "1GiB");
  make_dataset(owner);
  const std::int64_t id = train(owner, 1).id;
  const std::string bytes = shard(1);
  for (const std::string dataset : {"fashion", "1"}) {
    EXPECT_REFUSED(call(stranger, api::get_dataset, {.dataset = dataset}), not_found, "no dataset");
    EXPECT_REFUSED(call(stranger, api::list_shards, {.dataset = dataset}), not_found, "no dataset");
    EXPECT_REFUSED(call(stranger, api::complete_dataset, {.dataset = dataset}), not_found, "no dataset");
    EXPECT_REFUSED(call(stranger, api::delete_dataset, {.dataset = dataset}), not_found, "no dataset");
    EXPECT_REFUSED(put(stranger, dataset, 0, bytes), not_found, "no dataset");
    EXPECT_REFUSED(
        call(stranger, api::train_model, {.filename = "m.yaml", .yaml = "x", .datasets = {{.dataset = dataset}}}),
        not_found, "no dataset");
  }
  EXPECT_REFUSED(show(stranger, id), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::rename_model, {.model = id, .name = "mine"}), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::delete_model, {.model = id}), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::stop_model, {.model = id}), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::resume_model, {.model = id}), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::get_model_file, {.model = id}), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::get_checkpoint, {.model = id}), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::deploy_model, {.model = id}), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::undeploy_model, {.model = id}), not_found, "no model");
  EXPECT_REFUSED(call(stranger, api::predict, {.model = id}, "png"), not_found, "no model");
  EXPECT_REFUSED(follow(stranger, id, false), not_found, "no model");
  EXPECT_TRUE(call(stranger, api::list_datasets, {}).items.empty());
  EXPECT_TRUE(call(stranger, api::list_models, {}).items.empty());
  EXPECT_EQ(call(stranger, api::list_resources, {}).items.size(), 1u);
  // The same name is free in every tenant.
  make_dataset(stranger);
}

// A request for each operation of the contract that names what vision-user has; the rest is the contract's example.
base::json::object request_for_victim(const api::OperationInfo& operation, std::int64_t token_of_victim,
                                      const std::string& body) {
  const base::json::object names{{"model", "1"},        {"dataset", "1"},
                                 {"tenant", "vision"},  {"user", "vision-user"},
                                 {"group", "readers"},  {"token", token_of_victim},
                                 {"first_record", 0},   {"volume", "1"},
                                 {"path", "words.txt"}, {"sha256", base::sha256(body)}};
  base::json::object request;
  if (!operation.example.empty()) request = base::parse_json(operation.example, operation.name).as_object();
  const base::json::object schema = operation.request_schema();
  if (const base::json::value* fields = schema.if_contains("properties"))
    if (fields->as_object().contains("wait")) request["wait"] = false;
  if (const base::json::value* required = schema.if_contains("required"))
    for (const base::json::value& field : required->as_array())
      if (const base::json::value* named = names.if_contains(field.as_string())) request[field.as_string()] = *named;
  return request;
}

// Every operation of the contract, called by each kind of caller with what belongs to a user of tenant vision.
TEST_F(Identity, each_role_may_do_what_the_contract_says_and_no_more) {
  const std::string owner = make_tenant("vision"), stranger = make_tenant("audio", 1, "1GiB");
  make_dataset(owner);
  train(owner, 1);
  call(owner, api::create_volume, {.name = "tables"});
  std::map<api::Role, std::string> tokens;
  for (const api::Role role : {api::Role::viewer, api::Role::member, api::Role::manager}) {
    const std::string name = fmt::format("a-{}", base::word(role));
    call(admin_token, api::create_user, {.name = name, .tenants = {"vision"}, .role = role});
    tokens[role] = *call(admin_token, api::create_token, {.user = name}).token;
  }
  call(tokens[api::Role::manager], api::create_group, {.name = "readers", .role = api::Role::viewer});
  call(tokens[api::Role::manager], api::add_to_group, {.group = "readers", .user = "vision-user"});
  call(admin_token, api::set_member, {.user = "audio-user", .role = api::Role::viewer});  // of tenant default, too
  call(admin_token, api::create_user, {.name = "nobody", .tenants = {"audio"}});
  const std::string nobody = *call(admin_token, api::create_token, {.user = "nobody"}).token;
  call_in("audio", admin_token, api::remove_member, {.user = "nobody"});
  call_in("audio", admin_token, api::set_member, {.user = "audio-user", .role = api::Role::manager});

  const std::string body = shard(1);
  const std::int64_t token_of_owner = daemon->identities().authenticate(owner)->token_id;
  const auto outcome = [&](const std::string& token, const api::OperationInfo& operation) {
    const api::Call call{.identity = *daemon->identities().authenticate(token), .body = body};
    try {
      api::Answer answer = daemon->router().call(operation, call, request_for_victim(operation, token_of_owner, body));
      if (answer.later) answer = api::Later<api::Answer>(*answer.later).wait();
      return std::pair(std::string("done"), base::to_text(answer.json));
    } catch (const base::Error& error) {
      return std::pair(std::string(base::kind_of(error.code).name), error.message);
    }
  };
  const auto least = [](const api::OperationInfo& operation) {
    return static_cast<api::Role>(static_cast<int>(operation.permission) -
                                  static_cast<int>(api::Permission::signed_in));
  };
  for (const api::OperationInfo* operation : api::operations()) {
    if (operation->permission <= api::Permission::signed_in) continue;
    // Whose role is too small is refused, whatever it is about.
    for (const auto& [role, token] : tokens) {
      if (role >= least(*operation)) continue;
      const auto [result, said] = outcome(token, *operation);
      EXPECT_EQ(result, "permission_denied") << operation->name << said;
    }
    EXPECT_EQ(outcome(nobody, *operation).first, "permission_denied") << operation->name;
    // A manager of another tenant finds nothing of this one.
    if (operation->name == "set_member") continue;  // takes anybody in
    const auto [by_stranger, said] = outcome(stranger, *operation);
    if (operation->permission == api::Permission::admin) {
      EXPECT_EQ(by_stranger, "permission_denied") << operation->name << said;
    } else if (operation->path.find('{') != std::string_view::npos) {
      EXPECT_EQ(by_stranger, "not_found") << operation->name << said;
    }
    EXPECT_FALSE(by_stranger == "done" && said.find("vision") != std::string::npos) << operation->name << said;
  }
  EXPECT_EQ(outcome(tokens[api::Role::manager], api::revoke_token).first, "not_found");  // is no thing of the tenant
  // Whose role is large enough is not refused; removals last, when nothing needs what they remove.
  for (const bool removals : {false, true})
    for (const api::OperationInfo* operation : api::operations()) {
      if (operation->permission <= api::Permission::signed_in) continue;
      if ((operation->method == api::Method::del) != removals) continue;
      for (const auto& [role, token] : tokens) {
        if (role < least(*operation)) continue;
        const auto [result, said] = outcome(token, *operation);
        EXPECT_NE(result, "permission_denied") << operation->name << said;
      }
      // An administrator looks after people everywhere, and at a tenant's data only when the call names the tenant.
      const auto [by_admin, said] = outcome(admin_token, *operation);
      EXPECT_NE(by_admin, "permission_denied") << operation->name << said;
      if (operation->path.find("{model}") != std::string_view::npos ||
          operation->path.find("{dataset}") != std::string_view::npos ||
          operation->path.find("{volume}") != std::string_view::npos) {
        EXPECT_EQ(by_admin, "not_found") << operation->name << said;
      }
    }
}

TEST_F(Identity, a_call_is_for_the_tenant_it_names_or_the_tokens_or_the_users_first) {
  const std::string bound_to_none = make_tenant("vision");
  make_tenant("audio", 1, "1GiB");
  call_in("audio", admin_token, api::set_member, {.user = "vision-user", .role = api::Role::viewer});
  const auto me = [&](const std::string& token, const std::string& tenant = {}) {
    return call_in(tenant, token, api::get_caller, {});
  };
  EXPECT_EQ(me(bound_to_none).tenant, "vision");
  EXPECT_EQ(me(bound_to_none).role, api::Role::member);
  EXPECT_EQ(me(bound_to_none, "audio").role, api::Role::viewer);
  EXPECT_EQ(me(bound_to_none, "audio").tenants, (std::vector<std::string>{"vision", "audio"}));
  EXPECT_REFUSED(me(bound_to_none, "default"), not_found, "you have no tenant 'default'");
  EXPECT_REFUSED(me(bound_to_none, "nowhere"), not_found, "you have no tenant 'nowhere'");
  const auto bound = call(bound_to_none, api::create_token, {.tenant = "audio"});
  EXPECT_EQ(me(*bound.token).tenant, "audio");
  EXPECT_REFUSED(me(*bound.token, "vision"), permission_denied, "for tenant 'audio' alone");
  EXPECT_EQ(me(admin_token, "vision").role, api::Role::admin);
  // Who leaves a tenant loses the tokens for it at once, and keeps the others.
  call_in("audio", admin_token, api::remove_member, {.user = "vision-user"});
  EXPECT_FALSE(daemon->identities().authenticate(*bound.token));
  EXPECT_EQ(me(bound_to_none).tenant, "vision");
  EXPECT_REFUSED(me(bound_to_none, "audio"), not_found, "");
}

TEST_F(Identity, managers_look_after_the_people_of_their_tenant_alone) {
  const std::string member = make_tenant("vision");
  make_tenant("audio", 1, "1GiB");
  call(admin_token, api::create_user, {.name = "mia", .tenants = {"vision"}, .role = api::Role::manager});
  const std::string mia = *call(admin_token, api::create_token, {.user = "mia"}).token;
  EXPECT_REFUSED(call(member, api::create_user, {.name = "eve"}), permission_denied, "takes a manager");
  EXPECT_EQ(call(mia, api::create_user, {.name = "bob", .role = api::Role::viewer}).tenants,
            std::vector<std::string>{"vision"});
  EXPECT_REFUSED(call(mia, api::create_user, {.name = "eve", .admin = true}), permission_denied, "administrators");
  EXPECT_REFUSED(call(mia, api::create_user, {.name = "eve", .tenants = {"audio"}}), not_found, "manage no tenant");
  EXPECT_REFUSED(call(mia, api::set_member, {.user = "bob", .role = api::Role::admin}), invalid_argument,
                 "of the cloud");
  EXPECT_REFUSED(call(mia, api::create_user, {.name = "eve", .role = api::Role::admin}), invalid_argument, "role");
  EXPECT_EQ(call(mia, api::list_users, {}).items.size(), 3u);
  EXPECT_REFUSED(call(mia, api::get_user, {.user = "audio-user"}), not_found, "no user 'audio-user'");
  EXPECT_REFUSED(call(mia, api::delete_user, {.user = "admin"}), not_found, "no user 'admin'");
  // Somebody of two tenants, and an administrator, are more than a manager's.
  call(mia, api::set_member, {.user = "audio-user", .role = api::Role::viewer});
  EXPECT_REFUSED(call(mia, api::delete_user, {.user = "audio-user"}), conflict, "ncloud member rm audio-user");
  call(mia, api::set_member, {.user = "admin", .role = api::Role::viewer});
  EXPECT_REFUSED(call(mia, api::delete_user, {.user = "admin"}), conflict, "more than your tenant");
  EXPECT_REFUSED(call(mia, api::create_token, {.user = "admin"}), not_found, "no user");
  call(mia, api::delete_user, {.user = "bob"});
  EXPECT_REFUSED(call(mia, api::set_member, {.user = "mia", .role = api::Role::viewer}), conflict, "yourself");
  EXPECT_REFUSED(call(mia, api::remove_member, {.user = "mia"}), conflict, "yourself");
  EXPECT_REFUSED(call(mia, api::delete_user, {.user = "mia"}), conflict, "yourself");
}

TEST_F(Identity, a_group_gives_its_role_for_as_long_as_one_is_in_it) {
  const std::string user = make_tenant("vision");
  make_tenant("audio", 1, "1GiB");
  const auto in_audio = [&](const auto& operation, const auto& request) {
    return call_in("audio", admin_token, operation, request);
  };
  in_audio(api::create_group, api::CreateGroup{.name = "crew", .role = api::Role::manager});
  EXPECT_REFUSED(in_audio(api::create_group, api::CreateGroup{.name = "crew"}), conflict, "already");
  EXPECT_REFUSED(in_audio(api::create_group, api::CreateGroup{.name = "gods", .role = api::Role::admin}),
                 invalid_argument, "role");
  in_audio(api::add_to_group, api::GroupUser{.group = "crew", .user = "vision-user"});
  EXPECT_EQ(in_audio(api::add_to_group, api::GroupUser{.group = "crew", .user = "vision-user"}).users,
            std::vector<std::string>{"vision-user"});
  EXPECT_EQ(call_in("audio", user, api::get_caller, {}).role, api::Role::manager);
  EXPECT_EQ(call(user, api::get_caller, {}).tenant, "vision");  // the first is still the own one
  in_audio(api::modify_group, api::ModifyGroup{.group = "crew", .name = "readers", .role = api::Role::viewer});
  EXPECT_EQ(call_in("audio", user, api::get_caller, {}).role, api::Role::viewer);
  in_audio(api::set_member, api::SetMember{.user = "vision-user", .role = api::Role::member});
  EXPECT_EQ(call_in("audio", user, api::get_caller, {}).role, api::Role::member);  // the most of both
  const auto members = in_audio(api::list_members, api::PageRequest{});
  ASSERT_EQ(members.items.size(), 2u);
  EXPECT_EQ(members.items[1].user, "vision-user");
  EXPECT_EQ(members.items[1].groups, std::vector<std::string>{"readers"});
  in_audio(api::remove_from_group, api::GroupUser{.group = "readers", .user = "vision-user"});
  EXPECT_EQ(call_in("audio", user, api::get_caller, {}).role, api::Role::member);
  in_audio(api::add_to_group, api::GroupUser{.group = "readers", .user = "vision-user"});
  in_audio(api::remove_member, api::MemberRef{.user = "vision-user"});
  EXPECT_REFUSED(call_in("audio", user, api::get_caller, {}), not_found, "no tenant");
  in_audio(api::add_to_group, api::GroupUser{.group = "readers", .user = "vision-user"});
  in_audio(api::delete_group, api::GroupRef{.group = "readers"});
  EXPECT_REFUSED(call_in("audio", user, api::get_caller, {}), not_found, "no tenant");
}

TEST_F(Identity, a_token_says_when_it_was_used_last) {
  const std::string user = make_tenant("vision");
  const auto unused = call(user, api::create_token, {});
  const auto used_at = [&](std::int64_t id) {
    for (const api::Token& token : call(user, api::list_tokens, {}).items)
      if (token.id == id) return token.used_at;
    return std::optional<std::string>();
  };
  EXPECT_FALSE(used_at(unused.id));
  call(*unused.token, api::get_caller, {});
  const auto used = used_at(unused.id);
  ASSERT_TRUE(used);
  daemon->identities().keep_last_uses();
  daemon.reset();
  start();
  EXPECT_EQ(used_at(unused.id), used);
}

constexpr const char* kPassword = "correct horse battery staple";

TEST_F(Identity, a_login_opens_a_session_that_ends) {
  const std::string user = make_tenant("vision");
  EXPECT_FALSE(call(user, api::list_members, {}).items.empty());
  EXPECT_REFUSED(anonymously(api::log_in, {.user = "vision-user", .password = kPassword}), unauthenticated,
                 "user or password is wrong");  // has none yet
  EXPECT_FALSE(call(admin_token, api::get_user, {.user = "vision-user"}).has_password);
  call(user, api::set_password, {.user = "vision-user", .password = kPassword});
  EXPECT_TRUE(call(admin_token, api::get_user, {.user = "vision-user"}).has_password);
  const auto session = anonymously(api::log_in, {.user = "vision-user", .password = kPassword, .hours = 2});
  EXPECT_EQ(session.scope, api::Role::manager);
  EXPECT_EQ(call(*session.token, api::get_caller, {}).role, api::Role::member);
  EXPECT_REFUSED(call(*session.token, api::create_token, {.expires_in_days = 1}), permission_denied,
                 "cannot live longer");
  // What the session makes ends with it; what the password makes does not.
  const auto of_session = call(*session.token, api::create_token, {});
  const auto lasting = call(*session.token, api::create_token, {.expires_in_days = 90, .password = kPassword});
  EXPECT_FALSE(lasting.made_by);
  EXPECT_REFUSED(call(*session.token, api::create_token, {.password = "another one"}), unauthenticated, "not yours");
  call(*session.token, api::log_out, {});
  EXPECT_FALSE(daemon->identities().authenticate(*session.token));
  EXPECT_FALSE(daemon->identities().authenticate(*of_session.token));
  EXPECT_TRUE(daemon->identities().authenticate(*lasting.token));
  EXPECT_REFUSED(call(*lasting.token, api::log_out, {}), conflict, "ncloud token revoke");
  const auto small =
      anonymously(api::log_in, {.user = "vision-user", .password = kPassword, .scope = api::Role::viewer});
  EXPECT_EQ(call(*small.token, api::get_caller, {}).role, api::Role::viewer);
}

TEST_F(Identity, a_new_password_ends_the_sessions_of_the_old_one) {
  const std::string user = make_tenant("vision");
  call(user, api::set_password, {.user = "vision-user", .password = kPassword});
  const auto here = anonymously(api::log_in, {.user = "vision-user", .password = kPassword});
  const auto there = anonymously(api::log_in, {.user = "vision-user", .password = kPassword});
  EXPECT_REFUSED(call(*here.token, api::set_password, {.user = "vision-user", .password = "something else"}),
                 unauthenticated, "the current password is wrong");
  EXPECT_REFUSED(
      call(*here.token, api::set_password, {.user = "vision-user", .password = "short", .current = kPassword}),
      invalid_argument, "8 to 200");
  call(*here.token, api::set_password, {.user = "vision-user", .password = "something else", .current = kPassword});
  EXPECT_TRUE(daemon->identities().authenticate(*here.token));
  EXPECT_FALSE(daemon->identities().authenticate(*there.token));
  EXPECT_TRUE(daemon->identities().authenticate(user));  // no session
  // A manager's: everything opened with it ends, and the new one is made and shown once.
  const auto made = call(admin_token, api::set_password, {.user = "vision-user"});
  EXPECT_FALSE(daemon->identities().authenticate(*here.token));
  ASSERT_TRUE(made.password);
  EXPECT_EQ(made.password->size(), 24u);
  anonymously(api::log_in, {.user = "vision-user", .password = *made.password});
  // Nobody else's.
  call(admin_token, api::create_user, {.name = "mia", .tenants = {"vision"}, .role = api::Role::manager});
  const std::string mia = *call(admin_token, api::create_token, {.user = "mia"}).token;
  EXPECT_REFUSED(call(user, api::set_password, {.user = "mia"}), not_found, "no user 'mia'");
  EXPECT_REFUSED(call(mia, api::set_password, {.user = "admin"}), not_found, "no user 'admin'");
  call(mia, api::set_member, {.user = "admin", .role = api::Role::viewer});
  EXPECT_REFUSED(call(mia, api::set_password, {.user = "admin"}), conflict, "more than your tenant");
  EXPECT_TRUE(call(mia, api::set_password, {.user = "vision-user"}).password);
}

TEST_F(Identity, who_guesses_waits_whether_or_not_there_is_such_a_user) {
  const std::string user = make_tenant("vision");
  call(user, api::set_password, {.user = "vision-user", .password = kPassword});
  std::vector<std::string> said;
  for (const std::string name : {"vision-user", "nobody"}) {
    for (int i = 0; i < 5; ++i)
      EXPECT_REFUSED(anonymously(api::log_in, {.user = name, .password = "wrong"}, "10.0.0.9"), unauthenticated,
                     "user or password is wrong");
    const base::Error slow =
        error_of([&] { anonymously(api::log_in, {.user = name, .password = kPassword}, "10.0.0.9"); });
    EXPECT_EQ(slow.code, base::Code::too_many);
    EXPECT_GT(slow.retry_after_s, 20);
  }
  // From elsewhere the user gets in, and right ones count for nothing.
  for (int i = 0; i < 7; ++i) anonymously(api::log_in, {.user = "vision-user", .password = kPassword}, "10.0.0.1");
}

TEST_F(Identity, the_history_tells_who_did_what_refusals_included) {
  const std::string user = make_tenant("vision");
  call(admin_token, api::create_user, {.name = "mia", .tenants = {"vision"}, .role = api::Role::manager});
  const std::string mia = *call(admin_token, api::create_token, {.user = "mia"}).token;
  call(user, api::set_password, {.user = "vision-user", .password = kPassword});
  EXPECT_THROW(anonymously(api::log_in, {.user = "vision-user", .password = "a wrong one"}), base::Error);
  EXPECT_THROW(call(user, api::create_user, {.name = "eve"}), base::Error);
  EXPECT_THROW(call(user, api::list_history, {}), base::Error);
  make_dataset(user);
  const auto model = train(user, 1);
  call(user, api::rename_model, {.model = model.id, .name = "best"});
  EXPECT_THROW(call(user, api::delete_model, {.model = 77}), base::Error);

  const auto told = [&](const std::string& token, api::ListHistory request = {}) {
    std::vector<std::string> lines;
    for (const auto& entry : call(token, api::list_history, request).items)
      lines.push_back(fmt::format("{} {} {} {}", entry.user, entry.operation, entry.target, entry.outcome));
    return lines;
  };
  const std::string renamed = fmt::format("vision-user rename_model models/{} done", model.id);
  const auto of_vision = told(mia);
  EXPECT_THAT(of_vision,
              testing::IsSupersetOf({std::string("vision-user create_dataset datasets/fashion done"), renamed,
                                     std::string("vision-user create_user users/eve permission_denied"),
                                     std::string("vision-user list_history history permission_denied"),
                                     std::string("vision-user delete_model models/77 not_found"),
                                     std::string("vision-user set_password users/vision-user/password done")}));
  EXPECT_THAT(of_vision, testing::Not(testing::Contains(testing::HasSubstr("create_tenant"))));
  EXPECT_THAT(of_vision, testing::Not(testing::Contains(testing::HasSubstr("put_shard"))));
  EXPECT_THAT(told(admin_token),
              testing::IsSupersetOf({std::string("admin create_tenant tenants/vision done"),
                                     std::string("vision-user log_in session unauthenticated"), renamed}));
  EXPECT_THAT(told(mia, {.user = "vision-user", .refused = true}),
              testing::Each(testing::Not(testing::HasSubstr("done"))));
  EXPECT_EQ(told(admin_token, {.operation = "rename_model"}), std::vector<std::string>{renamed});
  // Nothing secret is kept, and what is kept outlives who did it, and the daemon.
  for (const auto& entry : call(admin_token, api::list_history, {.page_size = 1000}).items)
    EXPECT_EQ(base::to_text(base::encode(entry)).find("battery"), std::string::npos) << entry.request;
  call(admin_token, api::delete_user, {.user = "vision-user"});
  daemon.reset();
  start();
  EXPECT_EQ(told(admin_token, {.operation = "rename_model"}), std::vector<std::string>{renamed});
  // What failed as a whole left nothing done behind.
  EXPECT_THAT(told(admin_token, {.user = "vision-user", .operation = "delete_model"}),
              testing::ElementsAre("vision-user delete_model models/77 not_found"));
}

TEST_F(Identity, refusals_push_nothing_done_out_of_the_history) {
  const std::string user = make_tenant("vision");
  for (int i = 0; i < 6000; ++i) EXPECT_THROW(call(user, api::list_tenants, {}), base::Error);
  EXPECT_EQ(call(admin_token, api::list_history, {.operation = "create_tenant"}).items.size(), 1u);
  EXPECT_EQ(call(admin_token, api::list_history, {.refused = true, .page_size = 1000}).items.size(), 1000u);
}

// A database of the release before roles: who was somebody stays that, tokens keep their makers, numbers come once.
TEST(PeopleBefore, keep_their_tokens_and_rights) {
  const base::TemporaryFolder folder;
  const auto file = folder.path() / "ncloud.db";
  std::vector<Migration> before = migrations();
  before.resize(5);
  ASSERT_EQ(before.back().name.substr(0, 3), "007");
  Store(file, before).write([](Database& db) {
    db.script(
        "insert into tenants (name, created_us) values ('default', 1), ('vision', 1);"
        "insert into users (name, admin, created_us) values ('admin', 1, 1), ('ada', 0, 1);"
        "insert into memberships (user_id, tenant_id, position) values (1, 1, 0), (2, 2, 0), (2, 1, 1);");
    const auto add = [&](std::string_view secret, int user, int tenant, int restricted, std::optional<int> parent) {
      db.run(
          "insert into tokens (user_id, tenant_id, hash, note, created_us, parent_id, restricted) values (?, ?, ?, '', "
          "1, ?, ?)",
          user, tenant, hash_of_secret(secret), parent, restricted);
    };
    add("root", 1, 1, 0, std::nullopt);
    add("restricted", 1, 1, 1, 1);
    add("of ada", 2, 1, 0, 2);
    add("gone", 2, 1, 0, 3);
    db.run("delete from tokens where id = 4");
  });
  Store store(file);
  Identities identities(store);
  EXPECT_TRUE(identities.authenticate("root")->admin());
  EXPECT_EQ(identities.authenticate("root", "vision")->role, api::Role::admin);
  EXPECT_EQ(identities.authenticate("restricted")->role, api::Role::manager);
  EXPECT_EQ(identities.authenticate("of ada")->tenant, "default");
  EXPECT_EQ(identities.authenticate("of ada")->role, api::Role::member);
  EXPECT_FALSE(identities.authenticate("gone"));
  EXPECT_EQ(store.read([](Database& db) { return db.number("select parent_id from tokens where id = 3"); }), 2);
  const std::string more = identities.new_admin_token("more");
  EXPECT_EQ(identities.authenticate(more)->token_id, 5);
}

TEST_F(Identity, every_operation_has_a_handler) { EXPECT_TRUE(daemon->router().unhandled().empty()); }

}  // namespace
}  // namespace cloud

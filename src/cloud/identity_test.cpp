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

TEST_F(Identity, names_follow_a_grammar) {
  for (const std::string name : {"", ".", "..", "a/b", "a b", "-a", "a\n", "17", "ä"})
    EXPECT_REFUSED(call(admin_token, api::create_tenant, {.name = name}), invalid_argument, "tenant name");
  EXPECT_REFUSED(call(admin_token, api::create_tenant, {.name = std::string(65, 'a')}), invalid_argument,
                 "65 characters");
  call(admin_token, api::create_tenant, {.name = "a.b-c_9"});
  EXPECT_REFUSED(call(admin_token, api::create_tenant, {.name = "a.b-c_9"}), conflict, "already");
  call(admin_token, api::create_user, {.name = "ada@example.org", .tenants = {"a.b-c_9"}});
  EXPECT_REFUSED(call(admin_token, api::create_user, {.name = "bob", .tenants = {"nowhere"}}), not_found, "nowhere");
  EXPECT_REFUSED(call(admin_token, api::create_user, {.name = "bob", .tenants = {}}), invalid_argument, "tenant");
}

TEST_F(Identity, allotments_never_exceed_the_machine) {
  make_tenant("a", 3, "4GiB");
  call(admin_token, api::create_tenant, {.name = "b"});
  EXPECT_REFUSED(call(admin_token, api::allot_resources, {.tenant = "b", .cpus = 2, .memory = "1GiB"}), over_allotment,
                 "2 CPUs asked for, 1 are left: the machine has 4 and other tenants have 3");
  EXPECT_REFUSED(call(admin_token, api::allot_resources, {.tenant = "b", .cpus = 1, .memory = "5GiB"}), over_allotment,
                 "of memory asked for");
  call(admin_token, api::allot_resources, {.tenant = "b", .cpus = 1, .memory = "4GiB"});
  call(admin_token, api::allot_resources, {.tenant = "a", .cpus = 2, .memory = "4GiB"});
  EXPECT_EQ(call(admin_token, api::list_resources, {}).items.size(), 3u);
}

TEST_F(Identity, a_tenant_goes_only_when_it_is_empty) {
  const std::string user = make_tenant("vision");
  EXPECT_REFUSED(call(admin_token, api::delete_tenant, {.tenant = "vision"}), conflict,
                 "1 users, 0 datasets and 0 models");
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

TEST_F(Identity, every_operation_has_a_handler) { EXPECT_TRUE(daemon->router().unhandled().empty()); }

}  // namespace
}  // namespace cloud

#include "cloud/answers.h"

#include "cloud/fake_cloud_test.h"

namespace cloud {
namespace {

class KeptAnswers : public FakeCloud {
 protected:
  template <class Op>
  auto create(const std::string& token, const Op& operation, const typename Op::Request& request,
              const std::string& key) {
    return call(token, operation, request, {}, {}, api::Once{key, "print of " + std::string(operation.name)});
  }
  std::optional<api::IdempotencyStore::Kept> kept(const std::string& token, const std::string& key) {
    return daemon->answers().lookup(*daemon->identities().authenticate(token), key);
  }
};

TEST_F(KeptAnswers, are_there_after_a_restart_and_for_their_caller_only) {
  const std::string user = make_tenant("vision"), other = make_tenant("audio", 1, "1GiB");
  const auto token = create(user, api::create_token, {.note = "laptop"}, "key-1");
  daemon.reset();
  start();
  const auto found = kept(user, "key-1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->fingerprint, "print of create_token");
  EXPECT_EQ(found->answer, base::encode(token));
  EXPECT_FALSE(kept(user, "key-2"));
  EXPECT_FALSE(kept(other, "key-1"));
  daemon.reset();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
    if (entry.is_regular_file()) {
      EXPECT_EQ(base::read_file(entry.path()).find(*token.token), std::string::npos) << entry.path();
    }
}

TEST_F(KeptAnswers, are_not_there_when_nothing_was_created) {
  create(admin_token, api::create_tenant, {.name = "vision"}, "a");
  EXPECT_REFUSED(create(admin_token, api::create_tenant, {.name = "vision"}, "b"), conflict, "already");
  EXPECT_TRUE(kept(admin_token, "a"));
  EXPECT_FALSE(kept(admin_token, "b"));
}

TEST_F(KeptAnswers, of_one_push_out_none_of_another) {
  const std::string user = make_tenant("vision"), other = make_tenant("audio", 1, "1GiB");
  create(other, api::create_token, {}, "theirs");
  const std::int64_t first = create(user, api::create_token, {}, "mine").id;
  Store beside(folder.path() / "ncloud.db", Store::Schema::as_it_is);
  const api::Identity identity = *daemon->identities().authenticate(user);
  beside.write([&](Database& db) {
    for (std::int64_t i = 0; i < Answers::kMaxKept; ++i)
      keep_answer(db, api::Call{.identity = identity, .once = api::Once{std::to_string(i), "p"}}, first);
  });
  EXPECT_FALSE(kept(user, "mine"));
  EXPECT_TRUE(kept(user, "1"));
  EXPECT_TRUE(kept(other, "theirs"));
  beside.write([&](Database& db) { db.run("update answers set created_us = created_us - ?", Answers::kKeptUs); });
  EXPECT_FALSE(kept(other, "theirs"));
}

// Every operation that creates keeps its answer, and every one of them is here.
TEST_F(KeptAnswers, of_every_operation_that_creates) {
  std::set<std::string_view> tried;
  const auto check = [&](const auto& operation, const auto& request) {
    tried.insert(operation.name);
    const auto answer = create(admin_token, operation, request, std::string(operation.name));
    const auto found = kept(admin_token, std::string(operation.name));
    ASSERT_TRUE(found) << operation.name;
    EXPECT_EQ(found->answer.at("id"), base::encode(answer).at("id")) << operation.name;
  };
  check(api::create_tenant, api::CreateTenant{.name = "vision"});
  check(api::create_user, api::CreateUser{.name = "ada", .tenants = {"vision"}});
  check(api::create_token, api::CreateToken{.user = "ada"});
  check(api::create_group, api::CreateGroup{.name = "researchers"});
  check(api::create_volume, api::CreateVolume{.name = "words"});
  check(api::create_dataset, announcement("fashion", 4));
  put(admin_token, "fashion", 0, shard(4));
  call(admin_token, api::complete_dataset, {.dataset = "fashion"});
  check(api::train_model,
        api::TrainModel{.filename = "m.yaml", .yaml = "layers: []", .datasets = {{.dataset = "fashion"}}});
  for (const api::OperationInfo* operation : api::operations())
    if (operation->creates) {
      EXPECT_TRUE(tried.contains(operation->name)) << operation->name;
    }
}

}  // namespace
}  // namespace cloud

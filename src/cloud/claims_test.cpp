#include "cloud/claims.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "cloud/store.h"

namespace cloud {
namespace {

struct ClaimsTest : testing::Test {
  base::TemporaryFolder folder;
  std::filesystem::path file() const { return folder.path() / "ncloud.db"; }
};

TEST_F(ClaimsTest, wait_hold_and_are_given_back) {
  Store store(file());
  store.write([](Database& db) {
    db.run("insert into tenants (name, created_us) values ('vision', 1)");
    queue_up(db, {.kind = ClaimKind::deployment, .owner = 7, .tenant = 1, .cpus = 2, .memory_bytes = 5, .since_us = 3});
    EXPECT_FALSE(claim_of(db, 7)->holds);
    hold(db, 7);
    const Claim held = claim_of(db, 7).value();
    EXPECT_TRUE(held.holds);
    EXPECT_EQ(held.kind, ClaimKind::deployment);
    EXPECT_EQ(held.cpus, 2);
    EXPECT_EQ(held.memory_bytes, 5);
    wait_again(db, 7);
    EXPECT_FALSE(claim_of(db, 7)->holds);
    EXPECT_EQ(claim_of(db, 7)->since_us, 3) << "it keeps its place";
    EXPECT_EQ(claims_of(db, 1).size(), 1u);
    EXPECT_EQ(claims_of(db, 0).size(), 1u);
    EXPECT_EQ(claims_of(db, 2).size(), 0u);
    give_back(db, 7);
    EXPECT_FALSE(claim_of(db, 7));
  });
}

// A database of the release before: what its models hold and want is what they held and wanted.
TEST_F(ClaimsTest, of_the_release_before_go_on) {
  std::vector<Migration> before = migrations();
  while (before.back().name.substr(0, 3) >= "013") before.pop_back();
  Store(file(), before).write([](Database& db) {
    db.run("insert into tenants (name, created_us) values ('vision', 1)");
    const auto add = [&](std::string_view state, int holds) {
      db.run(
          "insert into models (tenant_id, owner, name, state, filename, yaml, labels, epochs, seed, cpus, "
          "memory_bytes, "
          "deploy_cpus, deploy_memory_bytes, rest_state, holds, queued_us, created_us) values (1, 'ada', 'm', ?, 'm', "
          "'', '[]', 1, 1, 2, 20, 3, 30, 'completed', ?, 50, 40)",
          state, holds);
    };
    for (const auto& [state, holds] : std::vector<std::pair<const char*, int>>{{"queued", 0},
                                                                               {"running", 0},
                                                                               {"completed", 0},
                                                                               {"deploying", 0},
                                                                               {"deploying", 1},
                                                                               {"deployed", 1},
                                                                               {"undeploying", 1}})
      add(state, holds);
  });
  Store store(file());
  std::string found;
  for (const Claim& claim : store.read([](Database& db) { return claims_of(db, 1); }))
    found += fmt::format("{} {} {} {} {} {}; ", claim.owner, base::word(claim.kind), claim.cpus, claim.memory_bytes,
                         claim.since_us, claim.holds ? "holds" : "waits");
  EXPECT_EQ(found,
            "1 training 2 20 50 waits; 2 training 2 20 50 holds; 4 deployment 3 30 50 waits; "
            "5 deployment 3 30 50 holds; 6 deployment 3 30 50 holds; 7 deployment 3 30 50 holds; ");
}

}  // namespace
}  // namespace cloud

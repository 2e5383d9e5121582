#include "cloud/scheduler.h"

#include <gtest/gtest.h>

#include <random>

namespace cloud {
namespace {

constexpr std::int64_t kGB = 1000000000;

Decision of(const std::vector<Decision>& decisions, std::int64_t model) {
  for (const Decision& decision : decisions)
    if (decision.owner == model) return decision;
  ADD_FAILURE() << "nothing was decided about model " << model;
  return {};
}

TEST(Scheduler, starts_what_fits_in_order_of_arrival) {
  const auto decisions = schedule({{{1, {2, 4 * kGB}}},
                                   {{.owner = 5, .tenant = 1, .cpus = 1, .since_us = 20},
                                    {.owner = 6, .tenant = 1, .cpus = 1, .since_us = 10},
                                    {.owner = 4, .tenant = 1, .cpus = 1, .since_us = 30}}});
  EXPECT_TRUE(of(decisions, 6).start);
  EXPECT_TRUE(of(decisions, 5).start);
  EXPECT_FALSE(of(decisions, 4).start);
}

TEST(Scheduler, a_higher_priority_stands_before_who_came_first) {
  const Claim holder{.owner = 7, .tenant = 1, .cpus = 2, .holds = true};
  const auto decisions = schedule({{{1, {2, 4 * kGB}}},
                                   {holder,
                                    {.owner = 8, .tenant = 1, .cpus = 1, .since_us = 1},
                                    {.owner = 9, .tenant = 1, .cpus = 1, .priority = 5, .since_us = 3},
                                    {.owner = 10, .tenant = 1, .cpus = 1, .priority = 5, .since_us = 2}}});
  EXPECT_EQ(of(decisions, 10).position, 1);
  EXPECT_EQ(of(decisions, 9).position, 2);
  EXPECT_EQ(of(decisions, 8).position, 3);
  EXPECT_EQ(of(decisions, 8).reason, "waits behind model 9");
  EXPECT_EQ(of(decisions, 8).remedy, "that has a higher priority; to let it go ahead: ncloud model stop 9");
}

TEST(Scheduler, says_what_is_waited_for_and_who_has_it) {
  const Claim holder{.owner = 7, .tenant = 1, .cpus = 2, .memory_bytes = kGB, .holds = true, .ends_in_s = 90.0};
  const auto decisions = schedule({{{1, {2, 4 * kGB}}},
                                   {holder,
                                    {.owner = 8, .tenant = 1, .cpus = 1, .since_us = 1},
                                    {.owner = 9, .tenant = 1, .cpus = 1, .since_us = 2}}});
  EXPECT_EQ(of(decisions, 8).reason, "waits for 1 CPU: model 7 holds 2 of 2");
  EXPECT_EQ(of(decisions, 8).position, 1);
  EXPECT_EQ(of(decisions, 8).starts_in_s, 90.0);
  EXPECT_EQ(of(decisions, 9).reason, "waits behind model 8");
  EXPECT_EQ(of(decisions, 9).position, 2);
  EXPECT_FALSE(of(decisions, 9).starts_in_s);
}

TEST(Scheduler, says_what_to_do_about_a_deployment_that_holds_what_is_waited_for) {
  const Claim holder{.kind = ClaimKind::deployment, .owner = 7, .tenant = 1, .cpus = 2, .holds = true};
  const auto decisions = schedule({{{1, {2, 4 * kGB}}}, {holder, {.owner = 8, .tenant = 1, .cpus = 1, .since_us = 1}}});
  EXPECT_EQ(of(decisions, 8).reason, "waits for 1 CPU: model 7 holds 2 of 2");
  EXPECT_NE(of(decisions, 8).remedy.find("ncloud model undeploy 7"), std::string::npos);
}

TEST(Scheduler, names_a_few_of_many_holders) {
  std::vector<Claim> claims{{.owner = 50, .tenant = 1, .cpus = 1, .since_us = 1}};
  for (int i = 1; i <= 20; ++i) claims.push_back({.owner = i, .tenant = 1, .cpus = 1, .holds = true});
  EXPECT_EQ(of(schedule({{{1, {20, 4 * kGB}}}, claims}), 50).reason,
            "waits for 1 CPU: models 1, 2, 3 and 17 more hold 20 of 20");
}

TEST(Scheduler, memory_is_a_limit_too) {
  const Claim holder{.owner = 7, .tenant = 1, .cpus = 1, .memory_bytes = 3 * kGB, .holds = true};
  const auto decisions =
      schedule({{{1, {4, 4 * kGB}}}, {holder, {.owner = 8, .tenant = 1, .cpus = 1, .memory_bytes = 2 * kGB}}});
  EXPECT_EQ(of(decisions, 8).reason,
            "waits for 1 GB (953.7 MiB) of memory: model 7 holds 3 GB (2.794 GiB) of 4 GB (3.725 GiB)");
  EXPECT_FALSE(of(decisions, 8).starts_in_s);
}

TEST(Scheduler, small_jobs_do_not_overtake_large_ones) {
  const Claim holder{.owner = 1, .tenant = 1, .cpus = 1, .holds = true};
  const auto decisions = schedule({{{1, {2, kGB}}},
                                   {holder,
                                    {.owner = 2, .tenant = 1, .cpus = 2, .since_us = 1},
                                    {.owner = 3, .tenant = 1, .cpus = 1, .since_us = 2}}});
  EXPECT_FALSE(of(decisions, 2).start);
  EXPECT_FALSE(of(decisions, 3).start);
}

TEST(Scheduler, tenants_neither_help_nor_hinder_each_other) {
  const Claim greedy{.owner = 1, .tenant = 1, .cpus = 2, .holds = true};
  const auto decisions =
      schedule({{{1, {2, kGB}}, {2, {1, kGB}}},
                {greedy, {.owner = 2, .tenant = 1, .cpus = 1}, {.owner = 3, .tenant = 2, .cpus = 1}}});
  EXPECT_FALSE(of(decisions, 2).start);
  EXPECT_TRUE(of(decisions, 3).start);
}

TEST(Scheduler, what_can_never_start_says_so) {
  const auto decisions = schedule({{{1, {0, 0}}}, {{.owner = 2, .tenant = 1, .cpus = 1}}});
  EXPECT_EQ(of(decisions, 2).reason, "needs 1 CPU, 0 allotted");
}

TEST(Scheduler, never_gives_more_than_the_share) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Snapshot snapshot{{{1, {4, 8}}, {2, {3, 5}}}, {}};
    for (int i = 0; i < 12; ++i)
      snapshot.claims.push_back({.owner = i,
                                 .tenant = 1 + i % 2,
                                 .cpus = static_cast<int>(random() % 3),
                                 .memory_bytes = static_cast<std::int64_t>(random() % 4),
                                 .since_us = static_cast<std::int64_t>(random() % 5)});
    std::map<std::int64_t, Share> used;
    for (const Decision& decision : schedule(snapshot)) {
      if (!decision.start) continue;
      const Claim& claim = snapshot.claims[static_cast<std::size_t>(decision.owner)];
      used[claim.tenant].cpus += claim.cpus;
      used[claim.tenant].memory_bytes += claim.memory_bytes;
    }
    for (const auto& [tenant, share] : used) {
      EXPECT_LE(share.cpus, snapshot.tenants[tenant].cpus);
      EXPECT_LE(share.memory_bytes, snapshot.tenants[tenant].memory_bytes);
    }
  }
}

}  // namespace
}  // namespace cloud

#include "cloud/store.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

Code code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code;
  }
  return Code::interrupted;  // nothing was thrown
}

TEST(Store, keeps_what_was_written) {
  const base::TemporaryFolder folder;
  {
    Store store(folder.path() / "db");
    store.write([](Database& db) { db.run("insert into tenants (name, created_us) values (?, ?)", "vision", 7); });
  }
  Store store(folder.path() / "db");
  EXPECT_EQ(
      store.read([](Database& db) { return db.number("select created_us from tenants where name = ?", "vision"); }), 7);
}

TEST(Store, an_exception_undoes_the_whole_transaction) {
  const base::TemporaryFolder folder;
  Store store(folder.path() / "db");
  EXPECT_THROW(store.write([](Database& db) {
    db.run("insert into tenants (name, created_us) values ('a', 1)");
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(store.read([](Database& db) { return db.number("select count(*) from tenants"); }), 0);
  store.write([](Database& db) { db.run("insert into tenants (name, created_us) values ('b', 1)"); });
}

TEST(Store, readers_see_committed_writes_at_once) {
  const base::TemporaryFolder folder;
  Store store(folder.path() / "db");
  for (int i = 1; i <= 3; ++i) {
    store.write(
        [&](Database& db) { db.run("insert into tenants (name, created_us) values (?, 1)", std::to_string(i)); });
    EXPECT_EQ(store.read([](Database& db) { return db.number("select count(*) from tenants"); }), i);
  }
}

TEST(Store, values_come_back_as_they_went) {
  const base::TemporaryFolder folder;
  Store store(folder.path() / "db");
  store.write([](Database& db) {
    db.script("create table t (i bigint, r double precision, s text, n text)");
    db.run("insert into t values (?, ?, ?, ?)", std::int64_t{-5}, 0.1, std::string("a\0b", 3),
           std::optional<std::string>());
    db.first("select i, r, s, n from t", [](const Row& row) {
      EXPECT_EQ(row.integer(0), -5);
      EXPECT_EQ(row.real(1), 0.1);
      EXPECT_EQ(row.text(2), std::string("a\0b", 3));
      EXPECT_TRUE(row.null(3));
      return 0;
    });
  });
}

TEST(Store, constraints_are_conflicts_and_a_full_database_is_disk_full) {
  const base::TemporaryFolder folder;
  Store store(folder.path() / "db");
  const auto add = [&](const std::string& name) {
    store.write([&](Database& db) { db.run("insert into tenants (name, created_us) values (?, 1)", name); });
  };
  add("a");
  EXPECT_EQ(code_of([&] { add("a"); }), Code::conflict);
  store.write([](Database& db) { EXPECT_NE(db.number("select page_count from pragma_page_count"), 0); });
  Database other(folder.path() / "db", Database::Mode::write);
  other.script("pragma max_page_count = 1");
  EXPECT_EQ(
      code_of([&] { other.run("insert into tenants (name, created_us) values (?, 1)", std::string(100000, 'x')); }),
      Code::disk_full);
  add("b");
}

TEST(Store, migrations_run_once_and_may_not_change) {
  const base::TemporaryFolder folder;
  const auto file = folder.path() / "db";
  const std::vector<Migration> one{{"001_a.sql", "create table a (x bigint);"}};
  const std::vector<Migration> two{one[0], {"002_b.sql", "alter table a add column y bigint;"}};
  const std::vector<Migration> other{{"001_a.sql", "create table a (x bigint, z bigint);"}, two[1]};
  { Store store(file, one); }
  {
    Store store(file, two);
    store.write([](Database& db) { db.run("insert into a (x, y) values (1, 2)"); });
  }
  { Store store(file, two); }
  EXPECT_EQ(code_of([&] { Store store(file, one); }), Code::conflict);
  EXPECT_EQ(code_of([&] { Store store(file, other); }), Code::data_loss);
}

TEST(Store, a_failing_migration_leaves_the_version_before) {
  const base::TemporaryFolder folder;
  const auto file = folder.path() / "db";
  const std::vector<Migration> good{{"001_a.sql", "create table a (x bigint);"}};
  const std::vector<Migration> bad{good[0], {"002_b.sql", "create table b (x bigint); nonsense;"}};
  EXPECT_THROW(Store(file, bad), Error);
  Store store(file, good);
  EXPECT_EQ(store.read([](Database& db) { return db.number("select count(*) from sqlite_master where name = 'b'"); }),
            0);
}

TEST(Store, something_that_is_no_database_is_refused) {
  const base::TemporaryFolder folder;
  base::write_file_atomically(folder.path() / "db", std::string(4096, 'x'));
  EXPECT_EQ(code_of([&] { Store store(folder.path() / "db"); }), Code::data_loss);
}

}  // namespace
}  // namespace cloud

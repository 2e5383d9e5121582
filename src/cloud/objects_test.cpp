#include "cloud/objects.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

#define EXPECT_REFUSED_WITH(call, expected)                         \
  EXPECT_EQ(([&] {                                                  \
              try {                                                 \
                (void)(call);                                       \
              } catch (const Error& error) {                        \
                return std::string(base::kind_of(error.code).name); \
              }                                                     \
              return std::string("nothing refused it");             \
            }()),                                                   \
            std::string(base::kind_of(expected).name))

std::size_t files_below(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    count += entry.is_regular_file() ? 1 : 0;
  return count;
}

class ObjectsTest : public testing::Test {
 protected:
  base::TemporaryFolder folder;
  Store store{folder.path() / "db"};
  Objects objects{store, folder.path() / "objects"};

  std::string add(std::string_view bytes) {
    const auto pin = objects.put(bytes, base::sha256(bytes));
    store.write([&](Database& db) { objects.refer(db, pin); });
    return pin.sha256();
  }
  void drop(const std::string& sha256) {
    store.write([&](Database& db) { objects.release(db, sha256); });
    objects.collect(sha256);
  }
  std::size_t files() { return files_below(folder.path() / "objects"); }
};

TEST_F(ObjectsTest, equal_bytes_are_stored_once_and_go_with_the_last_reference) {
  const std::string sha = add("hello");
  EXPECT_EQ(add("hello"), sha);
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(base::read_file(objects.path_of(sha)), "hello");
  drop(sha);
  EXPECT_EQ(files(), 1u);
  drop(sha);
  EXPECT_EQ(files(), 0u);
}

TEST_F(ObjectsTest, a_failed_transaction_leaves_no_file) {
  try {
    const auto pin = objects.put("x", base::sha256("x"));
    store.write([&](Database& db) {
      objects.refer(db, pin);
      throw std::runtime_error("no");
    });
  } catch (const std::runtime_error&) {}
  EXPECT_EQ(files(), 0u);
}

TEST_F(ObjectsTest, a_pinned_file_survives_the_release_of_others) {
  const std::string sha = add("shared");
  const auto pin = objects.put("shared", sha);  // somebody else is about to refer to it
  drop(sha);
  EXPECT_EQ(files(), 1u);
  store.write([&](Database& db) { objects.refer(db, pin); });
  EXPECT_EQ(base::read_file(objects.path_of(sha)), "shared");
}

TEST_F(ObjectsTest, a_full_disk_is_said_so_and_leaves_nothing) {
  for (const std::string failing : {"write", "fsync", "rename"}) {
    base::set_disk_fault(
        [&](std::string_view operation, const std::filesystem::path&) { return operation == failing ? ENOSPC : 0; });
    try {
      objects.put("bytes", base::sha256("bytes"));
      ADD_FAILURE() << failing << " did not fail";
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::disk_full) << failing;
    }
    base::set_disk_fault(nullptr);
    // After a failing fsync of the folder the whole file may be there already; it is unused and goes with the pin.
    EXPECT_EQ(files(), 0u) << failing;
  }
  add("bytes");
  EXPECT_EQ(files(), 1u);
}

class Adopting : public ObjectsTest {
 protected:
  const std::filesystem::path out = folder.path() / "out";
  void SetUp() override { std::filesystem::create_directory(out); }
  void write(std::string_view bytes) { std::ofstream(out / "checkpoint") << bytes; }
  Objects::Pin adopt(const std::string& sha256, std::int64_t limit_bytes = 1000) {
    return objects.adopt(base::open_foreign_file(out, "checkpoint"), sha256, limit_bytes);
  }
};

TEST_F(Adopting, copies_what_a_job_wrote_which_cannot_change_it_then) {
  write("weights");
  const std::string sha = base::sha256("weights");
  const base::Fd kept(::open((out / "checkpoint").c_str(), O_WRONLY));
  {
    const auto pin = adopt(sha);
    EXPECT_EQ(pin.size_bytes(), 7);
    store.write([&](Database& db) { objects.refer(db, pin); });
  }
  base::write_all(kept, "WEIGHTS", "the job's file");
  EXPECT_EQ(base::read_file(objects.path_of(sha)), "weights");
}

TEST_F(Adopting, refuses_bytes_of_another_hash_even_of_an_object_that_is_there) {
  const std::string foreign = add("another tenant's");
  write("other");
  EXPECT_REFUSED_WITH(adopt(foreign), Code::data_loss);
  EXPECT_REFUSED_WITH(adopt("../../ncloud.db"), Code::invalid_argument);
  EXPECT_REFUSED_WITH(adopt(base::sha256("other"), 4), Code::too_large);
  EXPECT_EQ(files(), 1u);
}

TEST_F(Adopting, follows_no_link_and_waits_for_nothing) {
  const auto refuses = [&] {
    EXPECT_REFUSED_WITH(adopt(base::sha256("secret")), Code::invalid_argument);
    std::filesystem::remove(out / "checkpoint");
  };
  std::ofstream(folder.path() / "secret") << "secret";
  std::filesystem::create_symlink(folder.path() / "secret", out / "checkpoint");
  refuses();
  std::filesystem::create_symlink("/dev/zero", out / "checkpoint");
  refuses();
  std::filesystem::create_hard_link(folder.path() / "secret", out / "checkpoint");
  refuses();
  ASSERT_EQ(::mkfifo((out / "checkpoint").c_str(), 0600), 0);
  refuses();
  std::filesystem::create_directory(out / "checkpoint");
  refuses();
  refuses();  // nothing is there
  for (const std::string name : {"", ".", "..", "../secret", "a/b"})
    EXPECT_REFUSED_WITH(base::open_foreign_file(out, name), Code::invalid_argument) << name;
  EXPECT_EQ(files(), 0u);
}

void flip_last_byte(const std::filesystem::path& path) {
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  const auto time = std::filesystem::last_write_time(path);
  std::string bytes = base::read_file(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::fstream(path, std::ios::in | std::ios::out) << bytes;
  std::filesystem::last_write_time(path, time);
}

TEST_F(ObjectsTest, nothing_is_pinned_inside_a_transaction) {
  const std::string sha = add("bytes");
  const Error refused = store.read([&](Database&) {
    try {
      const Objects::Pin pin(objects, sha);
    } catch (const Error& error) {
      return error;
    }
    return Error(Code::interrupted, "it was pinned");
  });
  EXPECT_EQ(refused.code, Code::internal);
  EXPECT_NE(refused.message.find("the lock of the objects"), std::string::npos) << refused.message;
  EXPECT_EQ(objects.pin_found([&](Database&) { return sha; }).size_bytes(), 5);
}

TEST_F(ObjectsTest, what_was_written_is_sound_until_it_is_touched) {
  const std::string sha = add("bytes");
  EXPECT_TRUE(objects.known_sound(sha));
  Objects later(store, folder.path() / "objects");  // the next run of the program
  EXPECT_FALSE(later.known_sound(sha));
  later.verify(sha);
  EXPECT_TRUE(later.known_sound(sha));
  std::filesystem::create_hard_link(later.path_of(sha), folder.path() / "link");  // as jobs do
  EXPECT_TRUE(later.known_sound(sha));
}

TEST_F(ObjectsTest, damage_is_found_by_reading_and_mended_by_writing_again) {
  const std::string sha = add("bytes");
  flip_last_byte(objects.path_of(sha));
  Objects later(store, folder.path() / "objects");
  EXPECT_EQ(later.find_missing(), 0);  // it has its size
  try {
    later.verify(sha);
    FAIL() << "it passed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::data_loss);
    EXPECT_NE(error.message.find(sha), std::string::npos);
  }
  EXPECT_TRUE(later.known_damaged(sha));
  const auto backup = folder.path() / "backup";
  std::ofstream(backup) << "bytes";
  std::filesystem::rename(backup, later.path_of(sha));
  EXPECT_FALSE(later.known_damaged(sha));
  flip_last_byte(later.path_of(sha));
  EXPECT_THROW(later.verify(sha), Error);
  const auto pin = later.put("bytes", sha);
  EXPECT_FALSE(later.known_damaged(sha));
  later.verify(sha);
}

TEST_F(ObjectsTest, a_reader_in_pieces_learns_of_damage_with_the_last_one) {
  const std::string sha = add("bytes");
  const auto good = objects.checker(sha, 5);
  good("byt");
  good("es");
  const auto bad = objects.checker(sha, 5);
  bad("byt");
  EXPECT_THROW(bad("eS"), Error);
  EXPECT_TRUE(objects.known_damaged(sha));
}

TEST_F(ObjectsTest, the_start_finds_what_is_missing_or_has_another_size) {
  std::filesystem::remove(objects.path_of(add("gone")));
  std::filesystem::resize_file(objects.path_of(add("short")), 2);
  add("whole");
  EXPECT_EQ(objects.find_missing(), 2);
}

TEST_F(ObjectsTest, sweep_removes_what_a_crash_left) {
  const std::string kept = add("kept");
  const auto path = objects.path_of(kept);
  std::ofstream(path.string() + ".tmp-123456") << "half";
  std::ofstream(path.parent_path() / std::string(62, 'a')) << "unused";
  std::ofstream(path.parent_path() / "thesis.tex") << "not ours";
  EXPECT_EQ(objects.sweep(), 10);
  EXPECT_EQ(files(), 2u);
  EXPECT_EQ(base::read_file(path), "kept");
}

}  // namespace
}  // namespace cloud

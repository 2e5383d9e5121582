#include "base/files.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "base/error.h"
#include "base/sha256.h"

namespace base {
namespace {

struct Files : testing::Test {
  TemporaryFolder folder;
  std::filesystem::path file = folder.path() / "file";
  ~Files() override { set_disk_fault(nullptr); }
  int entries() const {
    return static_cast<int>(
        std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()));
  }
};

TEST_F(Files, WriteThenReadGivesTheSameBytes) {
  std::string bytes(100'000, 'x');
  bytes[50'000] = '\0';
  write_file_atomically(file, bytes);
  EXPECT_EQ(read_file(file), bytes);
  EXPECT_EQ(MappedFile(file).bytes(), bytes);
  EXPECT_EQ(sha256_of_file(file), sha256(bytes));
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, AFailureAtAnyStepLeavesTheOldFileAndNothingElse) {
  write_file_atomically(file, "old");
  for (const std::string_view failing : {"write", "fsync", "rename"}) {
    set_disk_fault(
        [&](std::string_view operation, const std::filesystem::path&) { return operation == failing ? ENOSPC : 0; });
    try {
      write_file_atomically(file, "new");
      FAIL() << failing << " did not fail";
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::disk_full);
      EXPECT_THAT(error.message, testing::HasSubstr("No space left"));
    }
    set_disk_fault(nullptr);
    EXPECT_EQ(read_file(file), "old");
    EXPECT_EQ(entries(), 1) << "after a failing " << failing;
  }
}

TEST_F(Files, ErrorsNameTheFile) {
  try {
    read_file(file);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::not_found);
    EXPECT_THAT(error.message, testing::HasSubstr(file.string()));
  }
  EXPECT_THROW(read_file(folder.path()), Error);
  write_file_atomically(file, "12345");
  EXPECT_THROW(read_file(file, 4), Error);
  EXPECT_EQ(read_file(file, 5), "12345");
}

TEST_F(Files, AFolderIsGoneWithItsObject) {
  std::filesystem::path path;
  {
    const TemporaryFolder inner("test");
    path = inner.path();
    write_file_atomically(path / "a", "b");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace base

#include "api/access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"

namespace api {
namespace {

class AccessTest : public testing::Test {
 protected:
  base::Code refusal() {
    try {
      find_access(folder_.path());
    } catch (const base::Error& error) {
      return error.code;
    }
    return base::Code::internal;
  }
  base::TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "access.json";
  const Access access_{"http://127.0.0.1:8642", "nc_secret"};
};

TEST_F(AccessTest, is_found_while_the_daemon_lives) {
  EXPECT_FALSE(find_access(folder_.path()));
  EXPECT_FALSE(find_access(folder_.path() / "nowhere"));
  base::Fd lease = publish_access(folder_.path(), access_);
  EXPECT_EQ(find_access(folder_.path())->token, "nc_secret");
  EXPECT_EQ(find_access(folder_.path())->host, access_.host);
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  lease.reset();
  EXPECT_EQ(refusal(), base::Code::unavailable);
  EXPECT_EQ(kept_access(folder_.path())->token, "nc_secret");
  lease = publish_access(folder_.path(), {"http://127.0.0.1:1", "nc_other"});
  EXPECT_EQ(find_access(folder_.path())->token, "nc_other");
}

TEST_F(AccessTest, is_not_used_when_others_could_read_or_write_it) {
  const base::Fd lease = publish_access(folder_.path(), access_);
  std::filesystem::permissions(file_, std::filesystem::perms(0640));
  EXPECT_EQ(refusal(), base::Code::permission_denied);
  EXPECT_FALSE(kept_access(folder_.path()));
  std::filesystem::rename(file_, folder_.path() / "elsewhere");
  std::filesystem::create_symlink("elsewhere", file_);
  EXPECT_EQ(refusal(), base::Code::permission_denied);
  std::filesystem::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_EQ(refusal(), base::Code::permission_denied);
}

TEST_F(AccessTest, sends_the_token_nowhere_but_to_this_machine) {
  const base::Fd lease = publish_access(folder_.path(), {"http://10.0.0.1:8642", "nc_secret"});
  EXPECT_EQ(refusal(), base::Code::permission_denied);
  for (const char* host : {"http://127.0.0.1.evil.org:80", "http://localhost:1", "https://127.0.0.1:1",
                           "http://127.0.0.1", "http://127.0.0.1:1@evil:2/", "http://[::1]:80/x", "http://127.0.0.1:",
                           "http://127.:80", "http://127.0.0.1:0", "http://127.0.0.1:65536", "http://127.0.0.1:+80"})
    EXPECT_FALSE(is_loopback_address(host)) << host;
  EXPECT_EQ(loopback_address("0.0.0.0", 7), "http://127.0.0.1:7");
  EXPECT_EQ(loopback_address("::", 7), "http://[::1]:7");
  EXPECT_EQ(loopback_address("127.0.0.5", 7), "http://127.0.0.5:7");
  EXPECT_EQ(loopback_address("10.0.0.1", 7), std::nullopt);
}

}  // namespace
}  // namespace api

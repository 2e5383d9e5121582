#include "apps/ncloud/settings.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "api/access.h"
#include "base/files.h"

namespace ncloud {
namespace {

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    ::setenv("XDG_CONFIG_HOME", folder_.path().c_str(), 1);
    ::setenv("NCLOUD_DATA_DIR", folder_.path().c_str(), 1);
    for (const char* name : {"NCLOUD_HOST", "NCLOUD_TOKEN", "NCLOUD_PROFILE"}) ::unsetenv(name);
  }
  ~SettingsTest() override {
    for (const char* name : {"NCLOUD_HOST", "NCLOUD_TOKEN", "NCLOUD_PROFILE", "NCLOUD_DATA_DIR"}) ::unsetenv(name);
  }
  base::TemporaryFolder folder_;
};

TEST_F(SettingsTest, are_for_their_owner_only) {
  write_settings({{{"default", {"http://a:1", "secret"}}}});
  EXPECT_EQ(std::filesystem::status(settings_file()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(read_settings().profiles.at("default").token, "secret");
}

TEST_F(SettingsTest, find_the_server) {
  EXPECT_EQ(find_target({}).host, kDefaultHost);
  EXPECT_EQ(find_target({}).token, "");
  write_settings({{{"default", {"http://a:1", "ta"}}, {"other", {"http://b:2", "tb"}}}});
  EXPECT_EQ(find_target({}).token, "ta");
  EXPECT_EQ(find_target({.profile = "other"}).host, "http://b:2");
  ::setenv("NCLOUD_PROFILE", "other", 1);
  EXPECT_EQ(find_target({}).token, "tb");
  ::setenv("NCLOUD_TOKEN", "te", 1);
  EXPECT_EQ(find_target({.host = "c:3/"}).token, "te");
  EXPECT_EQ(find_target({.host = "c:3/"}).host, "http://c:3");
  EXPECT_THROW(find_target({.profile = "othr"}), base::Error);
}

TEST_F(SettingsTest, do_not_give_a_token_to_another_host) {
  write_settings({{{"default", {"http://a:1", "ta"}}}});
  EXPECT_EQ(find_target({.host = "http://evil:1"}).token, "");
  EXPECT_EQ(find_target({.host = "http://a:1/"}).token, "ta");
}

TEST_F(SettingsTest, find_the_own_daemon_when_nothing_else_is_said) {
  base::Fd lease = api::publish_access(folder_.path(), {"http://127.0.0.1:7", "own"});
  EXPECT_EQ(find_target({}).host, "http://127.0.0.1:7");
  EXPECT_EQ(find_target({}).token, "own");
  EXPECT_EQ(find_target({.host = "127.0.0.1:7"}).token, "own");
  EXPECT_EQ(find_target({.host = "http://127.0.0.1:8"}).token, "");
  EXPECT_EQ(find_target({.host = "http://evil:7"}).token, "");
  ::setenv("NCLOUD_TOKEN", "said", 1);
  EXPECT_EQ(find_target({}).token, "said");
  ::unsetenv("NCLOUD_TOKEN");
  lease.reset();
  EXPECT_EQ(find_target({.host = "127.0.0.1:7"}).token, "");  // whoever listens there now is another
  EXPECT_THROW(find_target({}), base::Error);
  write_settings({{{"default", {"http://a:1", "ta"}}}});
  lease = api::publish_access(folder_.path(), {"http://127.0.0.1:7", "own"});
  EXPECT_EQ(find_target({}).token, "ta");
}

TEST_F(SettingsTest, wait_for_a_daemon_that_was_started_just_now) {
  base::Fd lease;
  std::jthread daemon([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    lease = api::publish_access(folder_.path(), {"http://127.0.0.1:7", "own"});
  });
  EXPECT_EQ(find_target({}, 60000).token, "own");
}

TEST_F(SettingsTest, name_the_file_that_is_broken) {
  std::filesystem::create_directories(settings_file().parent_path());
  base::write_file_atomically(settings_file(), "{");
  try {
    read_settings();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(error.message.find(settings_file().string()), std::string::npos);
  }
}

}  // namespace
}  // namespace ncloud

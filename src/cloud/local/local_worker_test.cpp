#include "cloud/local/local_worker.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <condition_variable>
#include <fstream>

#include "base/error.h"
#include "base/sha256.h"

namespace cloud {
namespace {

// What a job said and how it ended.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<job::Event> events;
  std::vector<std::string> checkpoints;  // contents
  std::optional<JobEnd> end;

  JobListener listener() {
    return {.event =
                [this](const job::Event& event, const std::filesystem::path& folder) {
                  const std::lock_guard lock(mutex);
                  events.push_back(event);
                  if (event.file) checkpoints.push_back(base::read_file(folder / *event.file));
                  changed.notify_all();
                },
            .end =
                [this](const JobEnd& how) {
                  const std::lock_guard lock(mutex);
                  end = how;
                  changed.notify_all();
                }};
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), condition);
  }
  bool wait_for_end() {
    return wait([&] { return end.has_value(); });
  }
  std::string logged() {
    std::string text;
    for (const job::Event& event : events)
      if (event.kind == job::EventKind::log) text += *event.text + "\n";
    return text;
  }
};

// With and without walls, where walls can be had. The part of neon is played by a shell script.
class LocalWorking : public testing::TestWithParam<bool> {
 protected:
  base::TemporaryFolder folder;
  std::optional<LocalWorker> worker;
  Heard heard;
  TrainOrder order;

  void start(const std::string& script) {
    const auto program = folder.path() / "bin/neon";
    std::filesystem::create_directories(program.parent_path());
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    ::chmod(program.c_str(), 0755);
    std::ofstream(folder.path() / "shard") << "records";
    const Sandbox sandbox(program, GetParam());
    try {
      sandbox.check();
    } catch (const base::Error& error) {
      GTEST_SKIP() << error.message;
    }
    worker.emplace(sandbox, folder.path() / "jobs");
    order.job.model_file = "m.yaml";
    order.train_shards = {folder.path() / "shard"};
    order.limits = {1, std::int64_t{256} << 20};
  }
};

TEST_P(LocalWorking, hears_events_checkpoints_log_lines_and_the_end) {
  start(R"sh(
read job
path=$(echo "$job" | sed 's/.*"train_shards":\["\([^"]*\)".*/\1/')
out=$(echo "$job" | sed 's/.*"checkpoint_folder":"\([^"]*\)".*/\1/')
echo '{"kind":"ready"}'
cp "$path" "$out/c1"
echo '{"kind":"checkpoint","file":"c1","sha256":"x"}'
echo hello >&2
echo '{"kind":"end","outcome":"completed"}'
)sh");
  if (!worker) return;
  const auto job = worker->train(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->exit_code, 0);
  EXPECT_EQ(heard.end->signal, 0);
  EXPECT_EQ(heard.end->last_words, "hello");
  EXPECT_EQ(heard.checkpoints, std::vector<std::string>{"records"});
  ASSERT_GE(heard.events.size(), 3u);
  EXPECT_EQ(heard.events.front().kind, job::EventKind::ready);
  EXPECT_EQ(heard.logged(), "hello\n");
}

TEST_P(LocalWorking, asks_to_stop_and_kills_what_does_not) {
  start(
      "read job; echo '{\"kind\":\"ready\"}'; read word; echo "
      "\"{\\\"kind\\\":\\\"log\\\",\\\"text\\\":\\\"$word\\\"}\"; sleep 100");
  if (!worker) return;
  const auto job = worker->train(order, heard.listener());
  job->stop(300);
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->signal, 9);
  EXPECT_NE(heard.logged().find("stop"), std::string::npos);
}

TEST_P(LocalWorking, tells_exit_codes_from_signals) {
  start("echo 'no weights' >&2; exit 7");
  if (!worker) return;
  const auto job = worker->train(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->text(), "exit code 7: no weights");
  Heard other;
  std::ofstream(folder.path() / "bin/neon") << "#!/bin/sh\nkill -SEGV $$\n";
  const auto again = worker->train(order, other.listener());
  ASSERT_TRUE(other.wait_for_end());
  EXPECT_EQ(other.end->signal, 11) << other.end->text();
}

TEST_P(LocalWorking, a_killed_job_leaves_no_process_and_no_folder) {
  start("sleep 100 & sleep 100 & echo '{\"kind\":\"ready\"}'; wait");
  if (!worker) return;
  auto job = worker->train(order, heard.listener());
  ASSERT_TRUE(heard.wait([&] { return !heard.events.empty(); }));
  job.reset();
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "jobs"));
}

TEST_P(LocalWorking, a_training_takes_the_process_that_waits) {
  start(
      "echo waiting >&2; read job; echo '{\"kind\":\"step\"}'; echo working >&2; echo "
      "'{\"kind\":\"end\",\"outcome\":\"completed\"}'");
  if (!worker) return;
  worker->keep_spare();
  for (int i = 0; i < 3; ++i) {
    Heard each;
    const auto job = worker->train(order, each.listener());
    ASSERT_TRUE(each.wait_for_end());
    EXPECT_EQ(each.end->text(), "exit code 0: working");
    EXPECT_NE(each.logged().find("working\n"), std::string::npos);
  }
}

TEST_P(LocalWorking, a_line_that_is_no_event_ends_the_job) {
  start("echo nonsense; sleep 100");
  if (!worker) return;
  const auto job = worker->train(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_NE(heard.end->last_words.find("not valid JSON"), std::string::npos) << heard.end->last_words;
}

TEST_P(LocalWorking, a_sandboxed_job_sees_only_its_own) {
  if (!GetParam()) GTEST_SKIP() << "that is what walls are for";
  ::setenv("NCLOUD_TEST_SECRET", "secret", 1);
  start(R"sh(
env >&2
ls /home /root /etc/passwd /var >&2
(echo x > /job/in/train-000000) 2>&1 | head -c 0 >&2
cat /job/in/train-000000 >&2; echo >&2
ls /proc | grep -c '^[0-9]' >&2
cat /proc/net/dev | grep -c : >&2
)sh");
  if (!worker) return;
  const auto job = worker->train(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  const std::string text = heard.logged();
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  EXPECT_EQ(text.find("/etc/passwd\n"), std::string::npos) << text;
  EXPECT_NE(text.find("records"), std::string::npos) << text;
  EXPECT_EQ(base::read_file(folder.path() / "shard"), "records");
}

TEST_P(LocalWorking, the_destructor_ends_all_jobs) {
  start("read job; sleep 100");
  if (!worker) return;
  const auto job = worker->train(order, heard.listener());
  worker.reset();
  EXPECT_TRUE(heard.end.has_value());
}

INSTANTIATE_TEST_SUITE_P(Walls, LocalWorking, testing::Bool(),
                         [](const auto& info) { return info.param ? "sandboxed" : "plain"; });

TEST(LocalWorker, a_missing_program_is_said_at_the_start) {
  const base::TemporaryFolder folder;
  EXPECT_THROW(LocalWorker(Sandbox(folder.path() / "neon", false), folder.path() / "jobs"), base::Error);
}

}  // namespace
}  // namespace cloud

#include "cloud/local/local_worker.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <fstream>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/sha256.h"
#include "cloud/local/process.h"

namespace cloud {
namespace {

const std::string kShard = base::sha256("records");

// What a job said and how it ended.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<wire::Event> events;
  std::vector<std::string> checkpoints;  // contents
  std::optional<JobEnd> end;

  JobListener listener() {
    return {.event =
                [this](const wire::Event& event) {
                  const std::lock_guard lock(mutex);
                  events.push_back(event);
                  changed.notify_all();
                },
            .checkpoint =
                [this](const wire::Event& event, const base::Fd& bytes) {
                  const std::lock_guard lock(mutex);
                  events.push_back(event);
                  checkpoints.push_back(base::read_file(bytes, "checkpoint", 1 << 20));
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
    return changed.wait_for(lock, std::chrono::seconds(60), condition);
  }
  bool wait_for_end() {
    return wait([&] { return end.has_value(); });
  }
  std::string logged() {
    std::string text;
    for (const wire::Event& event : events)
      if (event.kind == wire::EventKind::log) text += *event.text + "\n";
    return text;
  }
};

// A worker whose jobs are shell scripts that play the part of neon.
class Working {
 protected:
  base::TemporaryFolder folder;
  std::optional<LocalWorker> worker;
  Heard heard;
  Order order;

  // Without a worker, where walls cannot be had: the rest of the test is left out.
  void start(const std::string& script, bool walls) {
    const auto program = folder.path() / "bin/neon";
    std::filesystem::create_directories(program.parent_path());
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    ::chmod(program.c_str(), 0755);
    ObjectFolder(folder.path() / "objects").write(kShard, "records");
    const Sandbox sandbox(program, walls);
    try {
      sandbox.check();
    } catch (const base::Error& error) {
      skip(error.message);
      return;
    }
    worker.emplace(sandbox, folder.path() / "jobs", folder.path() / "objects");
    order = {};
    order.program.train = {.model_file = "m.yaml", .train_shards = {order.add("train-000000", kShard)}};
    order.limits = {1, std::int64_t{256} << 20};
  }

  // Then the rest of the test is left out.
  bool misses(const std::string& limit) {
    for (const std::string& missing : worker->protection().missing)
      if (missing.starts_with(limit)) {
        skip("jobs are not limited here in " + missing);
        return true;
      }
    return false;
  }
  static void skip(const std::string& why) { GTEST_SKIP() << why; }
};

// With and without walls.
class LocalWorking : public Working, public testing::TestWithParam<bool> {
 protected:
  void start(const std::string& script) { Working::start(script, GetParam()); }
};

class BehindWalls : public Working, public testing::Test {
 protected:
  void start(const std::string& script) { Working::start(script, true); }
};

TEST_F(BehindWalls, volumes_are_folders_and_what_is_written_there_is_told) {
  start(R"sh(
read job
cat /data/a.txt /lookup/deep/t.txt >&2
echo changed > /data/a.txt
rm /data/gone.txt
mkdir /data/new
printf fresh > /data/new/f
printf same > /data/same.txt
ln -s /etc/passwd /data/link
ln /data/new/f /data/twin
echo half > /data/half.tmp-1
(echo no > /lookup/deep/t.txt) 2>/dev/null && echo "wrote what is read-only" >&2
(echo no > /lookup/more) 2>/dev/null && echo "wrote beside what is read-only" >&2
exit 3
)sh");
  if (!worker) return;
  ObjectFolder objects(folder.path() / "objects");
  const auto content = [&](const std::string& path, const std::string& bytes) {
    objects.write(base::sha256(bytes), bytes);
    return VolumeContent{path, base::sha256(bytes), static_cast<std::int64_t>(bytes.size())};
  };
  order.mounts = {{.volume = 7,
                   .place = "/data",
                   .files = {content("a.txt", "first\n"), content("gone.txt", "x"), content("kept.txt", "kept"),
                             content("same.txt", "same")}},
                  {.volume = 8, .place = "/lookup", .read_only = true, .files = {content("deep/t.txt", "table\n")}}};
  JobListener listener = heard.listener();
  std::map<std::string, std::string> changed;
  std::vector<std::string> removed, left_out;
  listener.written = [&](const Written& written) {
    EXPECT_EQ(written.volume, 7);
    for (const VolumeContent& file : written.changed)
      changed[file.path] = base::read_file(written.open(file.path), file.path, 1000);
    for (const VolumeContent& file : written.removed) removed.push_back(file.path);
    left_out = written.left_out;
    EXPECT_FALSE(heard.end);
  };
  const auto job = worker->start(order, listener);
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.logged(), "first\ntable\n");
  EXPECT_EQ(changed, (std::map<std::string, std::string>{{"a.txt", "changed\n"}, {"same.txt", "same"}}));
  EXPECT_EQ(removed, std::vector<std::string>{"gone.txt"});
  std::string said;
  for (const std::string& line : left_out) said += line + "\n";
  for (const char* what : {"'link', which is a symbolic link", "'half.tmp-1', which was being",
                           "'twin', which has other names", "'new/f', which has other names"})
    EXPECT_NE(said.find(what), std::string::npos) << said;
  EXPECT_EQ(base::read_file(objects.path_of(base::sha256("table\n"))), "table\n");
  EXPECT_EQ(base::read_file(objects.path_of(base::sha256("first\n"))), "first\n");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "jobs"));
}

TEST_F(BehindWalls, a_job_that_writes_too_much_to_a_volume_is_ended) {
  start(R"sh(
read job
while :; do head -c 4000000 /dev/zero >> /data/large; sleep 0.01; done
)sh");
  if (!worker) return;
  order.mounts = {{.volume = 7, .place = "/data", .files = {}}};
  order.mount_limit_bytes = 20 << 20;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_TRUE(heard.end->wrote_too_much);
  EXPECT_NE(heard.end->last_words.find("more than 20"), std::string::npos) << heard.end->last_words;
}

TEST_F(BehindWalls, what_a_killed_job_wrote_waits_for_the_next_daemon_when_it_cannot_be_taken) {
  start(R"sh(
read job
echo whole > /data/a
echo written >&2
sleep 600
)sh");
  if (!worker) return;
  order.mounts = {{.volume = 7, .place = "/data", .files = {}}};
  JobListener listener = heard.listener();
  listener.written = [](const Written&) { throw base::Error(base::Code::disk_full, "no room"); };
  auto job = worker->start(order, listener);
  ASSERT_TRUE(heard.wait([&] { return heard.logged() == "written\n"; }));
  job->kill();
  ASSERT_TRUE(heard.wait_for_end());
  job.reset();
  worker.reset();
  LocalWorker next(Sandbox(folder.path() / "bin/neon", true), folder.path() / "jobs", folder.path() / "objects");
  std::vector<std::string> seen;
  const auto take = [&](const Written& written) {
    for (const VolumeContent& file : written.changed)
      seen.push_back(base::read_file(written.open(file.path), file.path, 1000));
  };
  next.take_written(take);
  EXPECT_EQ(seen, std::vector<std::string>{"whole\n"});
  next.take_written(take);  // once
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "jobs"));
}

TEST_P(LocalWorking, hears_events_checkpoints_log_lines_and_the_end) {
  start(R"sh(
read job
path=$(echo "$job" | sed 's/.*"train_shards":\["\([^"]*\)".*/\1/')
out=$(echo "$job" | sed 's/.*"checkpoint_files":\["\([^"]*\)".*/\1/')
echo '{"kind":"ready"}'
cat "$path" > "$out"
echo '{"kind":"checkpoint","number":1,"file":"checkpoint-0","sha256":"x"}'
read word
echo "$word" >&2
echo '{"kind":"end","outcome":"completed"}'
)sh");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->exit_code, 0);
  EXPECT_EQ(heard.end->signal, 0);
  EXPECT_EQ(heard.end->last_words, "kept 1");
  EXPECT_EQ(heard.checkpoints, std::vector<std::string>{"records"});
  ASSERT_GE(heard.events.size(), 3u);
  EXPECT_EQ(heard.events.front().kind, wire::EventKind::ready);
  EXPECT_EQ(heard.logged(), "kept 1\n");
}

TEST_P(LocalWorking, asks_to_stop_and_kills_what_does_not) {
  start(
      "read job; echo '{\"kind\":\"ready\"}'; read word; echo "
      "\"{\\\"kind\\\":\\\"log\\\",\\\"text\\\":\\\"$word\\\"}\"; sleep 100");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait([&] { return !heard.events.empty(); }));
  job->stop(1000);
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->signal, 9);
  EXPECT_NE(heard.logged().find("stop"), std::string::npos);
}

TEST_F(BehindWalls, a_job_that_writes_its_checkpoint_is_given_more_time) {
  start(R"sh(read job; echo '{"kind":"ready"}'; read word
for i in 1 2 3 4 5 6 7 8; do sleep 0.3; echo part >> /job/out/checkpoint-0; done
echo '{"kind":"checkpoint","file":"checkpoint-0","sha256":"x"}')sh");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait([&] { return !heard.events.empty(); }));
  job->stop(2000);
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->text(), "exit code 0");
  EXPECT_EQ(heard.checkpoints.size(), 1u);
}

TEST_P(LocalWorking, tells_exit_codes_from_signals) {
  start("echo 'no weights' >&2; exit 7");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->text(), "exit code 7: no weights");
  Heard other;
  std::ofstream(folder.path() / "bin/neon") << "#!/bin/sh\nkill -SEGV $$\n";
  const auto again = worker->start(order, other.listener());
  ASSERT_TRUE(other.wait_for_end());
  EXPECT_EQ(other.end->signal, 11) << other.end->text();
}

TEST_P(LocalWorking, a_killed_job_leaves_no_process_and_no_folder) {
  start("sleep 100 & sleep 100 & echo '{\"kind\":\"ready\"}'; wait");
  if (!worker) return;
  auto job = worker->start(order, heard.listener());
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
    const auto job = worker->start(order, each.listener());
    ASSERT_TRUE(each.wait_for_end());
    EXPECT_EQ(each.end->text(), "exit code 0: working");
    EXPECT_NE(each.logged().find("working\n"), std::string::npos);
  }
}

// Answers checks: "later" after the next one.
constexpr const char* kChecks = R"sh(
answer() { echo "{\"kind\":\"checked\",\"answers\":$1,$2}"; }
[ "$1" = --checker ] || exit 9
while read order; do
  number=$(echo "$order" | sed 's/.*"number":\([0-9]*\).*/\1/')
  good='"checked":{"epochs":3,"seed":5,"memory_bytes":7,"warnings":["odd"]}'
  case "$order" in
    *deadly*) kill -9 $$ ;;
    *silent*) sleep 100 ;;
    *unasked*) answer 999 "$good" ;;
    *later*) late=$number ;;
    *wrong*) answer $number '"code":"invalid_argument","text":"no such layer","where":"/layers/0"' ;;
    *) answer $number "$good" ;;
  esac
  case "$order" in *later*) ;; *) [ -z "$late" ] || answer $late '"checked":{"epochs":4}'; late= ;; esac
done
)sh";

TEST_P(LocalWorking, a_check_answers_what_the_process_says) {
  start(kChecks);
  if (!worker) return;
  const wire::Checked checked = worker->check({.model_file = "m.yaml", .yaml = "good"});
  EXPECT_EQ(checked.epochs, 3);
  EXPECT_EQ(checked.seed, 5u);
  EXPECT_EQ(checked.memory_bytes, 7);
  EXPECT_EQ(checked.warnings, std::vector<std::string>{"odd"});
  try {
    worker->check({.model_file = "m.yaml", .yaml = "wrong"});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::invalid_argument);
    EXPECT_EQ(error.message, "no such layer");
    EXPECT_EQ(error.where, "/layers/0");
  }
}

TEST_P(LocalWorking, a_process_that_a_check_kills_is_followed_by_another) {
  start(kChecks);
  if (!worker) return;
  worker->keep_spare();
  for (int i = 0; i < 3; ++i) {
    try {
      worker->check({.model_file = "m.yaml", .yaml = "deadly"});
      FAIL();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code, base::Code::unavailable);
      EXPECT_NE(error.message.find("signal 9"), std::string::npos) << error.message;
    }
    EXPECT_EQ(worker->check({.model_file = "m.yaml", .yaml = "good"}).epochs, 3);
  }
}

TEST_P(LocalWorking, many_are_checked_at_once) {
  start(kChecks);
  if (!worker) return;
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) good += worker->check({.model_file = "m.yaml", .yaml = "good"}).epochs == 3;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
}

TEST_P(LocalWorking, a_slow_check_holds_up_no_other) {
  start(kChecks);
  if (!worker) return;
  std::atomic<bool> over = false;
  std::thread slow([&] {
    EXPECT_EQ(worker->check({.model_file = "m.yaml", .yaml = "later"}).epochs, 4);
    over = true;
  });
  while (!over) EXPECT_EQ(worker->check({.model_file = "m.yaml", .yaml = "good"}).epochs, 3);
  slow.join();
}

TEST_P(LocalWorking, an_answer_that_nobody_asked_for_ends_the_process) {
  start(kChecks);
  if (!worker) return;
  EXPECT_THROW(worker->check({.model_file = "m.yaml", .yaml = "unasked"}), base::Error);
  EXPECT_EQ(worker->check({.model_file = "m.yaml", .yaml = "good"}).epochs, 3);
}

TEST_P(LocalWorking, a_line_that_is_no_event_ends_the_job) {
  start("echo nonsense; sleep 100");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_NE(heard.end->last_words.find("not valid JSON"), std::string::npos) << heard.end->last_words;
}

TEST_F(BehindWalls, a_job_sees_only_its_own) {
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
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  const std::string text = heard.logged();
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  EXPECT_EQ(text.find("/etc/passwd\n"), std::string::npos) << text;
  EXPECT_NE(text.find("records"), std::string::npos) << text;
  EXPECT_EQ(base::read_file(ObjectFolder(folder.path() / "objects").path_of(kShard)), "records");
}

TEST_P(LocalWorking, the_destructor_ends_all_jobs) {
  start("read job; sleep 100");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  worker.reset();
  EXPECT_TRUE(heard.end.has_value());
}

TEST_P(LocalWorking, what_is_not_utf8_is_heard_all_the_same) {
  start(R"sh(printf '{"kind":"log","text":"caf\303"}\n'; printf 'label caf\303\n' >&2)sh");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->text(), "exit code 0: label caf\\xc3");
  EXPECT_NE(heard.logged().find("caf\xef\xbf\xbd\n"), std::string::npos) << heard.logged();
}

TEST_P(LocalWorking, what_cannot_be_is_nonsense_and_not_a_crash) {
  for (const std::string line :
       {R"({"kind":"dance"})", R"({"kind":"epoch","epoch":9223372036854775807})", R"({"kind":"epoch","epoch":-1})"}) {
    start("read job; echo '" + line + "'; sleep 100");
    if (!worker) return;
    Heard each;
    const auto job = worker->start(order, each.listener());
    ASSERT_TRUE(each.wait_for_end()) << line;
    EXPECT_TRUE(each.end->spoke_nonsense) << line << each.end->text();
    worker.reset();
  }
}

TEST_P(LocalWorking, a_flood_of_log_lines_is_bounded) {
  start("yes $(head -c 3000 /dev/zero | tr '\\0' x) >&2");
  if (!worker) return;
  const auto began = std::chrono::steady_clock::now();
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait([&] { return heard.events.size() > 330; }));  // the burst
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  job->kill();
  ASSERT_TRUE(heard.wait_for_end());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  EXPECT_LT(static_cast<double>(heard.events.size()) * 3001, (1.2 + 0.125 * seconds) * (1 << 20));
}

TEST_P(LocalWorking, a_flood_of_log_lines_does_not_keep_the_job_waiting) {
  // Kept as it comes it would take a minute and a half.
  start("head -c 12000000 /dev/zero | tr '\\0' x | fold -w 1000 >&2; exit 4");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->exit_code, 4);
  EXPECT_NE(heard.logged().find("bytes of log are not kept"), std::string::npos);
}

TEST_P(LocalWorking, what_left_the_group_and_still_writes_is_not_waited_for) {
  start("setsid sh -c 'echo $$ >&2; exec yes $(head -c 3000 /dev/zero | tr \"\\0\" x) >&2' & sleep 0.2; exit 3");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.end->exit_code, 3) << heard.end->text();
  const std::lock_guard lock(heard.mutex);
  if (!GetParam() && worker->protection().limits_by == "each process alone")
    ::kill(std::atoi(heard.logged().c_str()), SIGKILL);
}

TEST_P(LocalWorking, a_start_that_fails_leaves_nothing) {
  start("sleep 100");
  if (!worker) return;
  order.add("eval-000000", base::sha256("missing"));
  EXPECT_THROW(worker->start(order, heard.listener()), base::Error);
  Order serves;
  serves.program.serve = {.checkpoint = serves.add("checkpoint", base::sha256("missing"))};
  EXPECT_THROW(worker->start(serves, heard.listener()), base::Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "jobs"));
}

TEST_F(BehindWalls, a_job_writes_two_files_and_nothing_else) {
  start(R"sh(
exec 2>/tmp/refusals
for file in /job/out/new /job/in/new /job/new /new /dev/new /usr/new /proc/new; do
  (echo x > $file) && echo "{\"kind\":\"log\",\"text\":\"wrote $file\"}"
done
cd /job/out
(rm checkpoint-0; mv checkpoint-0 other; ln -s /etc/passwd link; mkfifo pipe; mkdir folder)
ls | tr '\n' ' ' | sed 's/.*/{"kind":"log","text":"sees &"}\n/'
truncate -s 300M checkpoint-0 && echo '{"kind":"log","text":"large file"}'
head -c 100M /dev/zero > /tmp/large && echo '{"kind":"log","text":"large /tmp"}'
head -c 100M /dev/zero > /dev/shm/large && echo '{"kind":"log","text":"large /dev/shm"}'
echo records > checkpoint-1 && echo '{"kind":"checkpoint","file":"checkpoint-1","sha256":"x"}'
)sh");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.logged(), "sees checkpoint-0 checkpoint-1 \n");
  EXPECT_EQ(heard.checkpoints, std::vector<std::string>{"records\n"});
}

TEST_F(BehindWalls, a_job_is_refused_calls_that_reach_beyond_it) {
  // By number, with arguments that the kernel would take or refuse with another error.
  start(R"sh(exec /usr/bin/python3 -c '
import ctypes, errno, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    result = libc.syscall(*[ctypes.c_long(a) for a in arguments])
    print(name, errno.errorcode[ctypes.get_errno()] if result < 0 else "worked", file=sys.stderr)
call("ptrace", 101, 0, 0, 0, 0)
call("unshare", 272, 0x10000000)
call("clone", 56, 0x10000000 | 17, 0, 0, 0, 0)
call("clone3", 435, 0, 0)
call("keyctl", 250, 0, -3, 0)
call("io_uring_setup", 425, 1, 0)
call("userfaultfd", 323, 1)
call("perf_event_open", 298, 0, 0, -1, -1, 0)
call("bpf", 321, 0, 0, 0)
call("kexec_load", 246, 0, 0, 0, 0)
call("mount", 165, 0, 0, 0, 0, 0)
for name, family in (("inet", 2), ("netlink", 16), ("vsock", 40)):
    call(name, 41, family, 1, 0)
call("unix", 41, 1, 1, 0)
')sh");
  if (!worker) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_EQ(heard.logged(),
            "ptrace EPERM\nunshare EPERM\nclone EPERM\nclone3 ENOSYS\nkeyctl EPERM\nio_uring_setup EPERM\n"
            "userfaultfd EPERM\nperf_event_open EPERM\nbpf EPERM\nkexec_load EPERM\nmount EPERM\n"
            "inet EAFNOSUPPORT\nnetlink EAFNOSUPPORT\nvsock EAFNOSUPPORT\nunix worked\n");
}

TEST_P(LocalWorking, a_job_has_so_many_processes_and_no_more) {
  start("read job; exec 3<&0; for i in $(seq 2000); do read wait <&3 & done; echo all");
  if (!worker || misses("processes")) return;
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait([&] { return heard.end || heard.logged().find("annot fork") != std::string::npos; }));
  EXPECT_NE(heard.logged().find("annot fork"), std::string::npos) << heard.logged();
}

TEST_P(LocalWorking, a_job_has_its_cpus_and_no_more) {
  start("read job; for i in 1 2 3; do timeout 2 sh -c 'while :; do :; done' & done; wait; times >&2");
  if (!worker || misses("cpu")) return;
  const auto began = std::chrono::steady_clock::now();
  const auto job = worker->start(order, heard.listener());
  ASSERT_TRUE(heard.wait_for_end());
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  double user_s = 100, system_s = 100;
  int user_min = 0, system_min = 0;
  ASSERT_EQ(std::sscanf(heard.end->last_words.c_str(), "%dm%lfs %dm%lfs", &user_min, &user_s, &system_min, &system_s),
            4);
  EXPECT_LT(user_s + system_s, 1.1 * wall_s + 0.2) << "of three that wanted all";
}

TEST_P(LocalWorking, a_job_over_its_memory_is_killed_and_that_is_said) {
  start("read job; dd if=/dev/zero of=/dev/null bs=400M count=1; sleep 100");
  if (!worker || misses("memory")) return;
  const auto job = worker->start(order, heard.listener());
  // With v1 only the largest process is killed.
  heard.wait([&] { return heard.end || heard.logged().find("Killed") != std::string::npos; });
  job->kill();
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_TRUE(heard.end->out_of_memory);
}

// A daemon in a process of its own starts a job with an id and is killed in the middle of a line of the job's.
constexpr const char* kOutlives = R"sh(
read order
echo '{"kind":"epoch","number":1,"epoch":0}'
printf '{"kind":"ste'
while read word n; do
  case $word in
    attach) echo; echo '{"kind":"attached"}'; echo '{"kind":"epoch","number":'$((n+1))',"epoch":1}' ;;
    stop) echo '{"kind":"end","number":9,"outcome":"stopped"}'; exit 0 ;;
    kept) echo "kept $n" >&2 ;;
  esac
done
echo 'alone' >&2
)sh";

TEST_P(LocalWorking, a_job_outlives_the_daemon_and_the_next_one_goes_on_with_it) {
  start(kOutlives);
  if (!worker) return;
  worker.reset();
  const Sandbox sandbox(folder.path() / "bin/neon", GetParam());
  order.id = "job 1";
  const pid_t first = ::fork();
  if (first == 0) {
    LocalWorker lost(sandbox, folder.path() / "jobs", folder.path() / "objects");
    const auto job = lost.start(order, heard.listener());
    if (!heard.wait([&] { return !heard.events.empty(); })) ::_exit(1);
    std::ofstream(folder.path() / "heard") << "epoch";
    for (;;) ::pause();
  }
  for (int i = 0; i < 2000 && !std::filesystem::exists(folder.path() / "heard"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(first, SIGKILL);
  ::waitpid(first, nullptr, 0);
  worker.emplace(sandbox, folder.path() / "jobs", folder.path() / "objects");
  EXPECT_EQ(worker->list(), std::vector<std::string>{"job 1"});
  const auto job = worker->attach("job 1", 1, heard.listener());
  EXPECT_TRUE(worker->list().empty());
  ASSERT_TRUE(heard.wait([&] { return heard.logged().find("kept 2") != std::string::npos || heard.end; }));
  ASSERT_FALSE(heard.end) << heard.end->text();
  std::vector<std::int64_t> epochs;
  for (const wire::Event& event : heard.events)
    if (event.kind == wire::EventKind::epoch) epochs.push_back(*event.number);
  EXPECT_EQ(epochs, std::vector<std::int64_t>{2});
  job->stop(10000);
  ASSERT_TRUE(heard.wait_for_end());
  EXPECT_TRUE(heard.end->said_all()) << heard.end->text();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "jobs"));
  EXPECT_THROW(worker->attach("job 1", 1, heard.listener()), base::Error);
}

// Whenever the one who started it is killed, a job has no process left soon after.
TEST_P(LocalWorking, no_process_outlives_a_killed_starter) {
  start("sleep 100");
  if (!worker) return;
  worker.reset();
  const Sandbox sandbox("/usr/bin/sleep", GetParam());
  std::filesystem::create_directories(folder.path() / "in");
  for (int round = 0; round < 8; ++round) {
    const std::string mark = fmt::format("98{}{:05}.{}", GetParam() ? 1 : 0, ::getpid(), round);
    const pid_t starter = ::fork();
    if (starter == 0) {
      const Process process = start_process({.command = sandbox.command(folder.path(), mark, {}, {}, false),
                                             .environment = sandbox.environment(),
                                             .filter = sandbox.filter()});
      for (;;) ::pause();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(1500 * round));
    ::kill(starter, SIGKILL);
    ::waitpid(starter, nullptr, 0);
    const auto lives = [&] {
      std::error_code ignored;
      for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        if (!std::isdigit(entry.path().filename().string().front())) continue;
        try {
          if (base::read_file(entry.path() / "cmdline").find(mark) != std::string::npos) return true;
        } catch (const base::Error&) {  // it has just ended
        }
      }
      return false;
    };
    int quiet = 0;  // one that is just being started is not seen yet
    for (int i = 0; i < 1000 && quiet < 3; ++i) {
      quiet = lives() ? 0 : quiet + 1;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(quiet, 3) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Walls, LocalWorking, testing::Bool(),
                         [](const auto& info) { return info.param ? "sandboxed" : "plain"; });

TEST(LocalWorker, a_missing_program_is_said_at_the_start) {
  const base::TemporaryFolder folder;
  EXPECT_THROW(LocalWorker(Sandbox(folder.path() / "neon", false), folder.path() / "jobs", folder.path() / "objects"),
               base::Error);
}

}  // namespace
}  // namespace cloud

#pragma once
// A daemon without processes for tests: jobs do what the test says.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>
#include <list>
#include <thread>

#include "api/resources/datasets.h"
#include "api/resources/history.h"
#include "api/resources/members.h"
#include "api/resources/models.h"
#include "api/resources/server.h"
#include "api/resources/tenants.h"
#include "api/resources/users.h"
#include "api/resources/volumes.h"
#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "cloud/daemon.h"
#include "cloud/disk/object_folder.h"
#include "records/shard.h"

namespace cloud {

/// A job that a test plays.
class FakeJob {
 public:
  Order order;
  std::atomic<bool> stop_asked = false, killed = false;
  base::Fd socket;  ///< of a serving job: its end

  const wire::TrainJob& train() const { return *order.program.train; }
  /// The bytes of an input, such as train().resume_from.
  std::string input(const std::string& path) const {
    for (const Input& input : order.inputs)
      if (wire::input_path(input.name) == path) return base::read_file(objects->path_of(input.sha256));
    return "no such input";
  }

  void say(const wire::Event& event) {
    if (event.kind != wire::EventKind::checkpoint) return listener.event(event);
    listener.checkpoint(event, base::open_foreign_file(folder.path(), event.file.value_or("")));
  }
  void say_epoch(std::int64_t epoch, double cost = 1) {
    say({.kind = wire::EventKind::epoch,
         .epoch = epoch,
         .cost = cost,
         .metrics = base::json::object{{"Accuracy", 0.5}}});
  }
  void write_checkpoint(std::int64_t epoch, std::int64_t batch, const std::string& bytes) {
    std::ofstream(folder.path() / "checkpoint-1.safetensors") << bytes;
    say({.kind = wire::EventKind::checkpoint,
         .epoch = epoch,
         .batch = batch,
         .batches = 10,
         .file = "checkpoint-1.safetensors",
         .sha256 = base::sha256(bytes)});
  }
  void end(wire::Outcome outcome, std::string text = {}) {
    wire::Event event{.kind = wire::EventKind::end, .outcome = outcome};
    if (!text.empty()) event.text = text;
    say(event);
    exit({});
  }
  void exit(const JobEnd& end) {
    if (!ended.exchange(true) && listener.end) listener.end(end);
  }

  JobListener listener;
  std::atomic<bool> ended = false;
  std::int64_t attached_from = -1;
  base::TemporaryFolder folder;
  const ObjectFolder* objects = nullptr;
};

class FakeWorker : public Worker {
 public:
  explicit FakeWorker(const std::filesystem::path& data_folder) : objects_(Daemon::objects_in(data_folder)) {}
  ~FakeWorker() override {
    for (std::thread& thread : threads_) thread.join();
  }
  wire::Checked check(const wire::CheckJob& model) override {
    if (model.yaml.find("nonsense") != std::string::npos)
      throw base::Error(base::Code::invalid_argument, "unknown layer 'nonsense' (m.yaml:2)");
    wire::Checked checked{.epochs = 3};
    if (model.yaml.find("unseeded") == std::string::npos) checked.seed = 7;
    if (model.yaml.find("large") != std::string::npos) checked.memory_bytes = std::int64_t{3} << 29;
    if (model.yaml.find("odd") != std::string::npos) checked.warnings = {"inputs of 0-255 are not scaled"};
    return checked;
  }
  std::unique_ptr<Job> start(const Order& order, JobListener listener) override {
    before_start();
    if (next_fails) std::rethrow_exception(std::exchange(next_fails, nullptr));
    auto job = std::make_shared<FakeJob>();
    job->listener = std::move(listener);
    job->order = order;
    job->objects = &objects_;
    auto handle = std::make_unique<Handle>(*this, job);
    if (order.program.serve) handle->connect();
    jobs_.push_back(std::move(job));
    return handle;
  }

  /// What an earlier daemon left: jobs that go on, by their ids.
  std::map<std::string, std::shared_ptr<FakeJob>> left;
  std::vector<std::string> list() override {
    std::vector<std::string> ids;
    for (const auto& [id, job] : left) ids.push_back(id);
    return ids;
  }
  std::unique_ptr<Job> attach(const std::string& id, std::int64_t number, JobListener listener) override {
    const std::shared_ptr<FakeJob> job = std::move(left.extract(id).mapped());
    job->listener = std::move(listener);
    job->attached_from = number;
    jobs_.push_back(job);
    auto handle = std::make_unique<Handle>(*this, job);
    if (job->order.program.serve) handle->connect();
    return handle;
  }

  std::function<void()> before_start = [] {};
  std::exception_ptr next_fails;  // to start

  FakeJob& last() {
    settle();
    return *jobs_.back();
  }
  std::size_t started() {
    settle();
    return jobs_.size();
  }
  std::function<void()> settle = [] {};

 private:
  struct Handle : Job {
    FakeWorker& worker;
    std::shared_ptr<FakeJob> job;
    base::Fd channel;
    Handle(FakeWorker& worker, std::shared_ptr<FakeJob> job) : worker(worker), job(std::move(job)) {}
    ~Handle() override { kill(); }
    void connect() {
      int ends[2];
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
      channel = base::Fd(ends[0]);
      job->socket = base::Fd(ends[1]);
    }
    base::Fd take_channel() override { return std::move(channel); }
    void stop(int grace_ms) override {
      job->stop_asked = true;
      if (grace_ms == 0) kill();
    }
    void kill() override {
      if (job->killed.exchange(true)) return;
      const std::lock_guard lock(worker.mutex_);
      worker.threads_.emplace_back([job = job] { job->exit({.signal = 9}); });
    }
  };

  const ObjectFolder objects_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<FakeJob>> jobs_;
  std::vector<std::thread> threads_;
};

class FakeCloud : public testing::Test {
 protected:
  base::TemporaryFolder folder;
  FakeWorker* worker = nullptr;
  std::optional<Daemon> daemon;
  std::string admin_token;
  bool settles = true;  ///< calls wait for what follows from what was before, and from themselves

  void SetUp() override { start(); }

  // Also again, on the same folder.
  void start() {
    auto fake = std::make_unique<FakeWorker>(folder.path());
    worker = fake.get();
    daemon.emplace(folder.path(), std::move(fake), Machine{4, std::int64_t{8} << 30});
    worker->settle = [this] { daemon->settle(); };
    if (daemon->first_token()) admin_token = *daemon->first_token();
  }

  template <class Op>
  auto call(const std::string& token, const Op& operation, const typename Op::Request& request,
            std::string_view body = {}, std::string if_match = {}, std::optional<api::Once> once = {}) {
    return call_in({}, token, operation, request, body, std::move(if_match), std::move(once));
  }

  // A call that names its tenant.
  template <class Op>
  auto call_in(const std::string& tenant, const std::string& token, const Op& operation,
               const typename Op::Request& request, std::string_view body = {}, std::string if_match = {},
               std::optional<api::Once> once = {}) {
    const auto identity = daemon->identities().authenticate(token, tenant);
    if (!identity) throw base::Error(base::Code::unauthenticated, "bad token");
    if (settles) daemon->settle();
    api::Call call{.identity = *identity, .if_match = std::move(if_match), .once = std::move(once), .body = body};
    api::Answer answer = daemon->router().call(operation, call, base::encode(request));
    if (answer.later) answer = api::Later<api::Answer>(*answer.later).wait();
    if (settles) daemon->settle();
    if constexpr (std::is_same_v<typename Op::Response, api::Bytes>)
      return answer.bytes->file ? base::read_file(fmt::format("/proc/self/fd/{}", answer.bytes->file->fd.get()))
                                : answer.bytes->content;
    else if constexpr (requires { typename Op::Response::Nothing; })
      return answer;
    else
      return base::decode<typename Op::Response>(answer.json);
  }

  // A call without a token.
  template <class Op>
  auto anonymously(const Op& operation, const typename Op::Request& request, std::string address = "10.0.0.1") {
    const api::Call call{.address = std::move(address)};
    return base::decode<typename Op::Response>(daemon->router().call(operation, call, base::encode(request)).json);
  }

  std::unique_ptr<api::EventFeed> follow(const std::string& token, std::int64_t model, bool follow) {
    api::Call call{.identity = *daemon->identities().authenticate(token)};
    return std::move(
        daemon->router()
            .call(api::follow_model, call, base::encode(api::FollowModel{.model = model, .follow = follow}))
            .events);
  }

  // A tenant with resources and the token of one of its users.
  std::string make_tenant(const std::string& name, int cpus = 2, const std::string& memory = "2GiB") {
    call(admin_token, api::create_tenant, {.name = name});
    if (cpus > 0) call(admin_token, api::allot_resources, {.tenant = name, .cpus = cpus, .memory = memory});
    call(admin_token, api::create_user, {.name = name + "-user", .tenants = {name}});
    return *call(admin_token, api::create_token, {.user = name + "-user"}).token;
  }

  static std::string shard(std::int64_t records, char fill = 'x') {
    records::ShardWriter writer({records::ElementType::FILE, records::ElementType::STRING});
    for (std::int64_t i = 0; i < records; ++i) {
      const std::vector<std::string> elements{std::string(10, fill), "label"};
      writer.add("record " + std::to_string(i), elements);
    }
    return writer.finish();
  }
  api::Shard put(const std::string& token, const std::string& dataset, std::int64_t first, const std::string& bytes) {
    return call(token, api::put_shard, {.dataset = dataset, .first_record = first, .sha256 = base::sha256(bytes)},
                bytes);
  }
  static api::CreateDataset announcement(const std::string& name, std::int64_t records) {
    return {.name = name,
            .types = {"FILE", "STRING"},
            .record_count = records,
            .manifest_sha256 = base::sha256(name),
            .labels = {"bag", "boot"}};
  }
  void make_dataset(const std::string& token, const std::string& name = "fashion") {
    call(token, api::create_dataset, announcement(name, 4));
    put(token, name, 0, shard(4));
    call(token, api::complete_dataset, {.dataset = name});
  }
  api::Model train(const std::string& token, int cpus = 0, const std::string& memory = "1GiB") {
    return call(token, api::train_model,
                {.filename = "m.yaml",
                 .yaml = "layers: []",
                 .datasets = {{.dataset = "fashion"}},
                 .cpus = cpus,
                 .memory = memory});
  }
  api::Model show(const std::string& token, std::int64_t model) {
    return call(token, api::get_model, {.model = model});
  }

  // Ends happen on other threads of a worker.
  template <class Condition>
  void eventually(Condition condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(condition());
  }
};

template <class Act>
base::Error error_of(Act act) {
  try {
    act();
  } catch (const base::Error& error) {
    return error;
  }
  return {base::Code::interrupted, "nothing was thrown"};
}

#define EXPECT_REFUSED(expression, expected_code, expected_text)                                \
  do {                                                                                          \
    const base::Error refused = error_of([&] { expression; });                                  \
    EXPECT_EQ(base::kind_of(refused.code).name, base::kind_of(base::Code::expected_code).name); \
    EXPECT_NE(refused.message.find(expected_text), std::string::npos) << refused.message;       \
  } while (false)

}  // namespace cloud

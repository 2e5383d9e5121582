#include "cloud/supervising_test.h"

namespace cloud {
namespace {

using enum api::ModelState;

// What every state becomes when the daemon is gone (its jobs end with it) and comes back.
TEST_F(Supervising, a_restart_finds_every_state_true) {
  const std::int64_t done = completed_model(), deployment = completed_model();
  call(user, api::deploy_model, {.model = deployment, .memory = "64MiB"});
  worker->last().say({.kind = wire::EventKind::ready});
  const std::int64_t run = train(user, 1, "64MiB").id;
  worker->last().say_epoch(0);
  worker->last().write_checkpoint(0, 10, "one");
  worker->last().say_epoch(1);
  const std::int64_t wait = train(user, 1, "64MiB").id;
  EXPECT_EQ(show(user, wait).state, queued);

  base::TemporaryFolder copy;  // what kill -9 would leave
  std::filesystem::copy(folder.path(), copy.path(),
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  auto fake = std::make_unique<FakeWorker>(copy.path());
  FakeWorker& reborn = *fake;
  worker->last().end(wire::Outcome::stopped);
  daemon.emplace(copy.path(), std::move(fake), Machine{4, std::int64_t{8} << 30});
  reborn.settle = [this] { daemon->settle(); };

  EXPECT_EQ(show(user, done).state, completed);
  EXPECT_EQ(show(user, deployment).state, deploying);
  EXPECT_EQ(show(user, run).state, running);
  EXPECT_EQ(show(user, run).epochs_completed, 1);
  EXPECT_EQ(show(user, wait).state, queued);
  ASSERT_EQ(reborn.started(), 2u);
  EXPECT_EQ(reborn.last().input(reborn.last().train().resume_from), "one");
  EXPECT_EQ(call(user, api::get_checkpoint, {.model = run}), "one");
}

// What happened to a training whose job outlives the daemon: nothing twice, nothing lost.
class Outliving : public Supervising {
 protected:
  base::TemporaryFolder copy;
  std::shared_ptr<FakeJob> job = std::make_shared<FakeJob>();

  static wire::Event epoch(std::int64_t number, std::int64_t epoch) {
    return {.kind = wire::EventKind::epoch, .number = number, .epoch = epoch, .cost = 1};
  }
  // kill -9 of the daemon; the next one finds the job that began last.
  void be_killed() {
    std::filesystem::copy(folder.path(), copy.path(),
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
    auto fake = std::make_unique<FakeWorker>(copy.path());
    FakeWorker& reborn = *fake;
    job->order = worker->last().order;
    reborn.left[job->order.id] = job;
    if (job->order.program.train) worker->last().end(wire::Outcome::stopped);
    daemon.emplace(copy.path(), std::move(fake), Machine{4, std::int64_t{8} << 30});
    worker = &reborn;
    worker->settle = [this] { daemon->settle(); };
  }
  std::string epochs_told() {
    std::string told;
    for (const api::TrainingEvent& event : events(1))
      if (event.kind == api::TrainingEventKind::epoch) told += std::to_string(*event.epoch) + " ";
    return told;
  }
};

TEST_F(Outliving, a_training_goes_on_with_the_next_daemon) {
  train(user);
  worker->last().say(epoch(1, 0));
  be_killed();
  EXPECT_EQ(show(user, 1).state, running);
  EXPECT_EQ(show(user, 1).restarts, 0);
  EXPECT_EQ(show(user, 1).epochs_completed, 1);
  ASSERT_EQ(worker->started(), 1u);
  EXPECT_EQ(job->attached_from, 1);
  job->say(epoch(2, 1));
  job->write_checkpoint(1, 10, "weights");
  job->say(epoch(4, 2));
  job->end(wire::Outcome::completed);
  EXPECT_EQ(show(user, 1).state, completed);
  EXPECT_EQ(show(user, 1).restarts, 0);
  EXPECT_EQ(epochs_told(), "0 1 2 ");
  EXPECT_EQ(call(user, api::get_checkpoint, {.model = 1}), "weights");
}

TEST_F(Outliving, what_was_written_but_not_told_is_told_once_more_and_changes_nothing) {
  train(user);
  worker->last().say(epoch(1, 0));
  const auto log = folder.path() / "events/1.jsonl";
  const std::string before = base::read_file(log);
  worker->last().say(epoch(2, 1));
  std::ofstream(log) << before << "{\"kind\":\"epo";  // killed while it told the second
  be_killed();
  EXPECT_EQ(show(user, 1).epochs_completed, 2);
  EXPECT_EQ(job->attached_from, 1);
  job->say(epoch(2, 1));
  EXPECT_EQ(show(user, 1).epochs_completed, 2);
  EXPECT_EQ(epochs_told(), "0 1 ");
}

TEST_F(Outliving, an_end_that_only_the_killed_daemon_heard_is_found_out_again) {
  train(user);
  worker->last().write_checkpoint(1, 10, "weights");
  be_killed();
  job->exit({.exit_code = wire::kToldAll});
  ASSERT_EQ(worker->started(), 2u);
  EXPECT_EQ(worker->last().input(worker->last().train().resume_from), "weights");
  EXPECT_EQ(show(user, 1).restarts, 0);
}

TEST_F(Outliving, a_stop_that_the_killed_daemon_was_asked_for_is_asked_for_again) {
  train(user);
  call(user, api::stop_model, {.model = 1});
  be_killed();
  EXPECT_TRUE(job->stop_asked);
}

TEST_F(Outliving, a_deployment_goes_on_with_the_next_daemon) {
  const std::int64_t id = completed_model();
  call(user, api::deploy_model, {.model = id});
  worker->last().say({.kind = wire::EventKind::ready});
  be_killed();
  EXPECT_EQ(show(user, id).state, deployed);
  ASSERT_EQ(worker->started(), 1u);
  std::jthread server(
      [&] { answer_one(*job, R"({"predictions": [{"probability": 0.9, "index": 1, "label": "boot"}]})"); });
  EXPECT_EQ(call(user, api::predict, {.model = id, .k = 1}, "png").predictions.at(0).label, "boot");
  server.join();
  EXPECT_EQ(call(user, api::list_resources, {}).items[0].cpus_used, 1);
  job->exit({.signal = 11});  // a crash is one as ever
  EXPECT_EQ(worker->started(), 2u);
  call(user, api::undeploy_model, {.model = id});
  eventually([&] { return show(user, id).state == completed; });
}

TEST_F(Outliving, a_deployment_that_was_not_ready_says_so_to_the_next_daemon) {
  const std::int64_t id = completed_model();
  call(user, api::deploy_model, {.model = id});
  be_killed();
  EXPECT_EQ(show(user, id).state, deploying);
  EXPECT_REFUSED(call(user, api::predict, {.model = id}, "png"), unavailable, "not ready yet");
  ASSERT_EQ(worker->started(), 1u);
  job->say({.kind = wire::EventKind::ready, .number = 1});
  EXPECT_EQ(show(user, id).state, deployed);
}

TEST_F(Outliving, a_deployment_that_was_ending_ends) {
  const std::int64_t id = completed_model();
  call(user, api::deploy_model, {.model = id});
  FakeJob& serving = worker->last();
  serving.say({.kind = wire::EventKind::ready});
  const api::Call asks{.identity = *daemon->identities().authenticate(user), .body = "png"};
  const auto waits = daemon->router().call(api::predict, asks, base::encode(api::Predict{.model = id}));
  EXPECT_EQ(call(user, api::undeploy_model, {.model = id}).state, undeploying) << "an answer is awaited first";
  be_killed();
  EXPECT_EQ(show(user, id).state, completed);
  EXPECT_TRUE(job->killed);
}

TEST_F(Outliving, a_job_that_no_model_wants_is_ended) {
  train(user);
  const std::string id = worker->last().order.id;
  worker->last().end(wire::Outcome::completed);
  auto fake = std::make_unique<FakeWorker>(folder.path());
  fake->left[id] = job;
  daemon.reset();
  daemon.emplace(folder.path(), std::move(fake), Machine{4, std::int64_t{8} << 30});
  EXPECT_TRUE(job->killed);
  EXPECT_EQ(show(user, 1).state, completed);
}

TEST_F(Supervising, a_graceful_end_keeps_the_step_it_stopped_at) {
  train(user);
  std::jthread stopper([&] {
    eventually([&] { return worker->last().stop_asked.load(); });
    worker->last().write_checkpoint(0, 5, "here");
    worker->last().end(wire::Outcome::stopped);
  });
  daemon->close(10000);
  stopper.join();
  daemon.reset();
  start();
  EXPECT_EQ(show(user, 1).state, running);
  EXPECT_EQ(worker->last().input(worker->last().train().resume_from), "here");
}

TEST_F(Supervising, a_stop_that_the_daemon_did_not_live_to_see_is_finished) {
  train(user);
  call(user, api::stop_model, {.model = 1});
  daemon->close(0);
  daemon.reset();
  start();
  EXPECT_EQ(show(user, 1).state, stopped);
  EXPECT_EQ(worker->started(), 0u);
}

// Makes the database refuse every change of a model, as a full disk would.
class Refusal {
 public:
  explicit Refusal(const std::filesystem::path& folder) : database_(folder / "ncloud.db", Database::Mode::write) {
    database_.script("create trigger refusal before update on models begin select raise(abort, 'full'); end");
  }
  ~Refusal() { database_.script("drop trigger refusal"); }

 private:
  Database database_;
};

TEST_F(Supervising, a_resume_that_cannot_be_written_is_told_to_nobody) {
  train(user);
  worker->last().end(wire::Outcome::stopped);
  call(user, api::stop_model, {.model = train(user).id});
  const std::size_t before = follow(user, 1, false)->read(0, 100).size();
  {
    const Refusal refusal(folder.path());
    EXPECT_THROW(call(user, api::resume_model, {.model = 1}), base::Error);
  }
  const auto feed = follow(user, 1, true);
  EXPECT_TRUE(feed->ended());
  EXPECT_EQ(feed->read(0, 100).size(), before);
}

TEST_F(Supervising, an_end_that_cannot_be_written_is_written_later) {
  const std::int64_t serves = completed_model();
  call(user, api::deploy_model, {.model = serves, .memory = "64MiB"});
  FakeJob& serving = worker->last();
  const std::int64_t trains = train(user, 1).id;
  {
    const Refusal refusal(folder.path());
    worker->last().end(wire::Outcome::completed);
    serving.exit({.signal = 9, .out_of_memory = true});
    EXPECT_EQ(show(user, trains).state, running);
    EXPECT_EQ(show(user, serves).state, deploying);
  }
  eventually([&] { return show(user, trains).state == completed && show(user, serves).state == completed; });
  EXPECT_EQ(call(user, api::list_resources, {}).items[0].cpus_used, 0);
}

TEST_F(Supervising, a_start_that_cannot_be_written_is_not_tried_again_at_once) {
  {
    const Refusal refusal(folder.path());
    const auto model = show(user, train(user).id);
    EXPECT_EQ(model.state, queued);
    EXPECT_NE(model.remedy.find("tried again"), std::string::npos) << model.remedy;
    eventually([&] { return worker->last().ended.load(); });
    EXPECT_EQ(worker->started(), 1u);
  }
  EXPECT_EQ(show(user, 1).state, queued);
  EXPECT_EQ(call(user, api::stop_model, {.model = 1}).state, stopped);
}

TEST_F(Supervising, a_running_training_without_a_job_can_be_stopped) {
  train(user);
  worker->last().say_epoch(0);
  worker->last().end(wire::Outcome::stopped);
  Database(folder.path() / "ncloud.db", Database::Mode::write).run("update models set state = 'running'");
  EXPECT_EQ(call(user, api::stop_model, {.model = 1}).state, stopped);
  EXPECT_EQ(show(user, 1).epochs_completed, 0);
}

TEST_F(Supervising, a_folder_with_other_things_in_it_is_refused) {
  const auto home = folder.path() / "home";
  std::filesystem::create_directories(home / "jobs");
  std::filesystem::permissions(home, std::filesystem::perms(0755));
  EXPECT_REFUSED(DataFolder{home}, conflict, "--data-dir");
  EXPECT_EQ(std::filesystem::status(home).permissions(), std::filesystem::perms(0755));
  EXPECT_FALSE(std::filesystem::exists(home / "lock"));
  std::filesystem::remove(home / "jobs");
  { const DataFolder mine(home); }
  std::filesystem::create_directories(home / "jobs");
  const DataFolder again(home);
}

TEST_F(Supervising, one_folder_has_one_daemon) {
  const DataFolder mine(folder.path() / "data");
  EXPECT_REFUSED(DataFolder(folder.path() / "data"), conflict, std::to_string(::getpid()));
}

}  // namespace
}  // namespace cloud

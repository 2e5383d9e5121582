#include "cloud/supervising_test.h"

#include <future>

namespace cloud {
namespace {

using enum api::ModelState;

TEST(ModelStates, only_the_tables_transitions_are_allowed) {
  EXPECT_TRUE(may_become(queued, running));
  EXPECT_TRUE(may_become(running, completed));
  EXPECT_TRUE(may_become(undeploying, stopped));
  EXPECT_FALSE(may_become(completed, running));
  EXPECT_FALSE(may_become(deployed, queued));
  EXPECT_FALSE(may_become(running, deployed));
  int allowed = 0;
  for (const auto& [from, from_word] : enumerators(ModelState{}))
    for (const auto& [to, to_word] : enumerators(ModelState{})) {
      if (may_become(from, to)) ++allowed;
      EXPECT_FALSE(from == to && may_become(from, to));
    }
  EXPECT_EQ(allowed, 28);
}

TEST_F(Supervising, a_training_from_submit_to_completion) {
  const auto submitted = train(user);
  EXPECT_EQ(submitted.state, queued);
  EXPECT_EQ(show(user, 1).state, running);
  EXPECT_EQ(submitted.name, "m");
  EXPECT_EQ(submitted.epochs, 3);
  EXPECT_EQ(submitted.cpus, 2);
  EXPECT_EQ(submitted.owner, "vision-user");
  ASSERT_EQ(worker->started(), 1u);
  FakeJob& job = worker->last();
  EXPECT_EQ(job.train().seed, 7u);
  EXPECT_EQ(job.train().threads, 2);
  EXPECT_EQ(job.train().labels, (std::vector<std::string>{"bag", "boot"}));
  ASSERT_EQ(job.train().train_shards.size(), 1u);
  EXPECT_EQ(job.input(job.train().train_shards[0]), shard(4));
  EXPECT_REFUSED(call(user, api::get_checkpoint, {.model = 1}), conflict, "no checkpoint yet");
  job.say({.kind = wire::EventKind::step, .epoch = 0, .batch = 1, .batches = 10, .cost = 2.5, .eta_s = 30.0});
  job.say({.kind = wire::EventKind::step,
           .epoch = 0,
           .batch = 2,
           .batches = 10,
           .cost = 2.4,
           .eta_s = 29.0});  // too soon to be kept
  job.say_epoch(0, 1.5);
  job.write_checkpoint(0, 10, "first");
  EXPECT_EQ(show(user, 1).epochs_completed, 1);
  EXPECT_EQ(show(user, 1).train_cost, 1.5);
  EXPECT_EQ(call(user, api::get_checkpoint, {.model = 1}), "first");
  job.say_epoch(1, 1.2);
  job.say_epoch(2, 1.1);
  job.write_checkpoint(2, 10, "last");
  job.end(wire::Outcome::completed);
  const auto model = show(user, 1);
  EXPECT_EQ(model.state, completed);
  EXPECT_EQ(model.epochs_completed, 3);
  EXPECT_EQ(model.checkpoint_sha256, base::sha256("last"));
  EXPECT_EQ(model.checkpoint_bytes, 4);
  EXPECT_TRUE(model.started_at && model.ended_at);
  EXPECT_EQ(model.metrics.at("Accuracy"), 0.5);
  EXPECT_EQ(call(user, api::get_checkpoint, {.model = 1}), "last");
  std::string kinds;
  for (const auto& event : events(1))
    kinds +=
        std::string(base::word(event.kind)) + (event.state ? ":" + std::string(base::word(*event.state)) : "") + " ";
  EXPECT_EQ(kinds, "state:queued state:running step epoch checkpoint epoch epoch checkpoint state:completed ");
}

TEST_F(Supervising, impossible_requests_are_refused_at_submit) {
  EXPECT_REFUSED(train(user, 3), over_allotment, "3 CPUs asked for, but tenant 'vision' is allotted 2");
  EXPECT_REFUSED(train(user, 1, "3GiB"), over_allotment, "of memory asked for");
  const std::string poor = make_tenant("poor", 0);
  make_dataset(poor);
  EXPECT_REFUSED(train(poor), over_allotment, "ncloud resource allot poor");
  EXPECT_REFUSED(
      call(user, api::train_model, {.filename = "m.yaml", .yaml = "nonsense", .datasets = {{.dataset = "fashion"}}}),
      invalid_argument, "m.yaml:2");
  EXPECT_REFUSED(call(user, api::train_model, {.filename = "m.yaml", .yaml = "x", .datasets = {}}), invalid_argument,
                 "datasets needs at least 1");
  EXPECT_REFUSED(call(user, api::train_model,
                      {.filename = "m.yaml", .yaml = "x", .datasets = {{.role = "test", .dataset = "fashion"}}}),
                 invalid_argument, "role");
  EXPECT_REFUSED(call(user, api::train_model,
                      {.filename = "m.yaml", .yaml = "x", .datasets = {{.dataset = "fashion"}, {.dataset = "1"}}}),
                 invalid_argument, "twice");
  EXPECT_REFUSED(
      call(user, api::train_model,
           {.filename = "m.yaml", .yaml = "x", .datasets = std::vector<api::DatasetUse>(65, {.dataset = "fashion"})}),
      too_large, "datasets may have at most 64, got 65");
  call(user, api::create_dataset, announcement("half", 10));
  EXPECT_REFUSED(call(user, api::train_model, {.filename = "m.yaml", .yaml = "x", .datasets = {{.dataset = "half"}}}),
                 conflict, "0 of 10 records");
  EXPECT_EQ(call(user, api::list_models, {}).items.size(), 0u);
}

TEST_F(Supervising, the_queue_shows_position_reason_and_estimate) {
  train(user, 2, "64MiB");
  worker->last().say({.kind = wire::EventKind::step, .eta_s = 60.0});
  const auto second = train(user, 1, "64MiB"), third = train(user, 1, "64MiB");
  EXPECT_EQ(second.state, queued);
  EXPECT_EQ(second.queue_position, 1);
  EXPECT_EQ(second.reason, "waits for 1 CPU: model 1 holds 2 of 2");
  EXPECT_TRUE(second.estimated_start);
  EXPECT_EQ(third.queue_position, 2);
  EXPECT_EQ(call(user, api::list_resources, {}).items[0].cpus_used, 2);
  EXPECT_EQ(call(user, api::list_resources, {}).items[0].jobs_queued, 2);
  EXPECT_REFUSED(call(admin_token, api::allot_resources, {.tenant = "vision", .cpus = 1, .memory = "1GiB"}),
                 over_allotment, "hold 2 CPUs");
  worker->last().end(wire::Outcome::completed);
  EXPECT_EQ(show(user, 2).state, running);
  EXPECT_EQ(show(user, 3).state, running);
  EXPECT_EQ(call(user, api::list_models, {.state = {running}}).items.size(), 2u);
  EXPECT_EQ(call(user, api::list_models, {.state = {running, completed}}).items.size(), 3u);
}

TEST_F(Supervising, the_queue_is_a_list_by_priority) {
  train(user, 2, "64MiB");
  const std::int64_t later = train(user, 1, "64MiB").id;
  const auto urgent = call(user, api::train_model,
                           {.filename = "m.yaml",
                            .yaml = "layers: []",
                            .name = "urgent",
                            .datasets = {{.dataset = "fashion"}},
                            .cpus = 1,
                            .memory = "64MiB",
                            .priority = 3});
  EXPECT_EQ(urgent.priority, 3);
  EXPECT_EQ(urgent.queue_position, 1);
  const auto queue = call(user, api::list_queue, {}).items;
  ASSERT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue[0].model, urgent.id);
  EXPECT_EQ(queue[0].name, "urgent");
  EXPECT_EQ(queue[0].kind, "training");
  EXPECT_EQ(queue[0].priority, 3);
  EXPECT_EQ(queue[0].reason, "waits for 1 CPU: model 1 holds 2 of 2");
  EXPECT_EQ(queue[1].model, later);
  EXPECT_EQ(queue[1].position, 2);
  const auto first = call(user, api::list_queue, {.page_size = 1});
  EXPECT_EQ(first.items.size(), 1u);
  EXPECT_EQ(call(user, api::list_queue, {.page_size = 1, .page_token = first.next_page_token}).items.at(0).model,
            later);
  EXPECT_EQ(call(make_tenant("audio"), api::list_queue, {}).items.size(), 0u);
  call(user, api::stop_model, {.model = urgent.id});
  call(user, api::resume_model, {.model = urgent.id});
  EXPECT_EQ(show(user, urgent.id).queue_position, 1) << "it keeps its priority";
}

TEST_F(Supervising, a_slow_start_delays_nobody_else) {
  const std::int64_t other = completed_model();
  std::promise<void> go;
  std::atomic<bool> starts = false;
  worker->before_start = [&, may_go = go.get_future().share()] {
    starts = true;
    may_go.wait_for(std::chrono::seconds(60));
  };
  settles = false;
  const std::int64_t slow = train(user, 1, "64MiB").id;
  eventually([&] { return starts.load(); });
  EXPECT_EQ(show(user, slow).state, queued);
  EXPECT_EQ(call(user, api::list_models, {}).items.size(), 2u);
  EXPECT_EQ(call(user, api::rename_model, {.model = other, .name = "n"}).name, "n");
  EXPECT_EQ(call(user, api::resume_model, {.model = other, .epochs = 5}).state, queued);
  EXPECT_EQ(call(user, api::stop_model, {.model = other}).state, stopped);
  EXPECT_EQ(show(user, slow).state, queued);
  go.set_value();
  settles = true;
  EXPECT_EQ(show(user, slow).state, running);
}

TEST_F(Supervising, stop_and_resume) {
  train(user);
  worker->last().say_epoch(0);
  worker->last().write_checkpoint(0, 10, "one");
  const auto stopping = call(user, api::stop_model, {.model = 1});
  EXPECT_EQ(stopping.state, running);
  EXPECT_NE(stopping.reason.find("stopping"), std::string::npos);
  EXPECT_TRUE(worker->last().stop_asked);
  worker->last().write_checkpoint(1, 4, "two");
  worker->last().end(wire::Outcome::stopped);
  EXPECT_EQ(show(user, 1).state, stopped);
  EXPECT_EQ(show(user, 1).epochs_completed, 1);
  EXPECT_REFUSED(call(user, api::stop_model, {.model = 1}), conflict, "model 1 is stopped");
  call(user, api::resume_model, {.model = 1});
  EXPECT_EQ(show(user, 1).state, running);
  EXPECT_EQ(worker->last().input(worker->last().train().resume_from), "two");
  worker->last().say_epoch(1);
  worker->last().say_epoch(2);
  worker->last().write_checkpoint(2, 10, "three");
  worker->last().end(wire::Outcome::completed);
  EXPECT_REFUSED(call(user, api::stop_model, {.model = 1}), conflict, "model 1 is completed");
  EXPECT_REFUSED(call(user, api::resume_model, {.model = 1}), conflict, "ncloud model resume 1 --epochs 4");
  call(user, api::resume_model, {.model = 1, .epochs = 5});
  EXPECT_EQ(show(user, 1).state, running);
  EXPECT_EQ(worker->last().train().epochs, 5);
}

TEST_F(Supervising, who_waits_is_answered_when_it_is_done) {
  train(user);
  worker->last().say_epoch(0);
  auto stop = std::async(std::launch::async, [&] { return call(user, api::stop_model, {.model = 1, .wait = true}); });
  eventually([&] { return worker->last().stop_asked.load(); });
  EXPECT_REFUSED(call(user, api::resume_model, {.model = 1}), conflict, "it is stopping");
  auto resume =
      std::async(std::launch::async, [&] { return call(user, api::resume_model, {.model = 1, .wait = true}); });
  EXPECT_EQ(stop.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  worker->last().write_checkpoint(0, 10, "one");
  worker->last().end(wire::Outcome::stopped);
  EXPECT_TRUE(stop.get().state != running || worker->started() == 2);
  EXPECT_EQ(resume.get().state, queued);
  EXPECT_EQ(show(user, 1).state, running);
  worker->last().end(wire::Outcome::completed);

  auto deploy =
      std::async(std::launch::async, [&] { return call(user, api::deploy_model, {.model = 1, .wait = true}); });
  eventually([&] { return worker->started() == 3; });
  worker->last().say({.kind = wire::EventKind::ready});
  EXPECT_EQ(deploy.get().state, deployed);
  EXPECT_EQ(call(user, api::undeploy_model, {.model = 1, .wait = true}).state, completed);
  call(user, api::deploy_model, {.model = 1});
  worker->last().say({.kind = wire::EventKind::ready});
  call(user, api::undeploy_model, {.model = 1});
  deploy = std::async(std::launch::async, [&] { return call(user, api::deploy_model, {.model = 1, .wait = true}); });
  eventually([&] { return worker->started() == 5; });
  worker->last().exit({.signal = 9, .out_of_memory = true});
  EXPECT_REFUSED(deploy.get(), conflict, "needs more than its memory");
}

TEST_F(Supervising, who_waits_is_answered_when_the_daemon_ends) {
  train(user);
  auto stop = std::async(std::launch::async, [&] { return call(user, api::stop_model, {.model = 1, .wait = true}); });
  eventually([&] { return worker->last().stop_asked.load(); });
  daemon->close(0);
  stop.get();
}

TEST_F(Supervising, cpus_that_nobody_gave_are_those_that_no_deployment_holds) {
  const std::int64_t id = completed_model();
  call(user, api::deploy_model, {.model = id, .memory = "64MiB"});
  worker->last().say({.kind = wire::EventKind::ready});
  const auto model = train(user);
  EXPECT_EQ(model.cpus, 1);
  EXPECT_EQ(show(user, model.id).state, running);
  EXPECT_EQ(train(user).cpus, 1);  // that one will end, so this one waits for it
}

TEST_F(Supervising, a_seed_that_nobody_gave_is_drawn_and_kept) {
  const auto submit = [&](std::optional<std::uint64_t> seed) {
    return call(user, api::train_model,
                {.filename = "m.yaml", .yaml = "unseeded", .datasets = {{.dataset = "fashion"}}, .seed = seed});
  };
  EXPECT_EQ(submit(3).seed, 3u);
  EXPECT_EQ(train(user).seed, 7u);
  const auto first = submit({}), second = submit({});
  EXPECT_NE(first.seed, second.seed);
  EXPECT_EQ(show(user, first.id).seed, first.seed);
}

TEST_F(Supervising, what_cannot_fit_is_refused_with_the_numbers) {
  api::TrainModel request{.filename = "m.yaml", .yaml = "large and odd", .datasets = {{.dataset = "fashion"}}};
  EXPECT_REFUSED(call(user, api::train_model, request), invalid_argument, "--memory 1536MiB");
  request.memory = "1536MiB";
  const auto model = call(user, api::train_model, request);
  EXPECT_EQ(model.memory_needed_bytes, std::int64_t{3} << 29);
  EXPECT_EQ(model.warnings.size(), 1u);
}

TEST_F(Supervising, a_dry_run_says_what_would_happen_and_does_nothing) {
  api::TrainModel request{
      .filename = "m.yaml", .yaml = "layers: []", .datasets = {{.dataset = "fashion"}}, .dry_run = true};
  const auto first = call(user, api::train_model, request);
  EXPECT_EQ(first.id, 0);
  EXPECT_EQ(first.state, running);
  EXPECT_EQ(first.cpus, 2);
  EXPECT_EQ(first.epochs, 3);
  EXPECT_EQ(first.seed, 7u);
  ASSERT_EQ(first.datasets.size(), 1u);
  EXPECT_EQ(first.datasets[0].dataset, "fashion");
  train(user, 2);
  const auto second = call(user, api::train_model, request);
  EXPECT_EQ(second.state, queued);
  EXPECT_EQ(second.queue_position, 1);
  EXPECT_EQ(second.reason, "waits for 2 CPUs: model 1 holds 2 of 2");
  EXPECT_NE(second.remedy.find("ncloud model stop 1"), std::string::npos);
  request.cpus = 3;
  EXPECT_REFUSED(call(user, api::train_model, request), over_allotment, "3 CPUs asked for");
  EXPECT_EQ(call(user, api::list_models, {}).items.size(), 1u);
  EXPECT_EQ(worker->started(), 1u);
}

TEST_F(Supervising, a_queued_model_keeps_what_if_match_compares) {
  train(user);
  const auto waiting = train(user);
  const std::string etag = api::etag_of(base::encode(waiting), api::passing_of<api::Model>());
  worker->last().say({.kind = wire::EventKind::step, .eta_s = 60.0});
  EXPECT_NE(show(user, 2).estimated_start, waiting.estimated_start);
  EXPECT_EQ(call(user, api::rename_model, {.model = 2, .name = "n"}, {}, etag).name, "n");
  EXPECT_REFUSED(call(user, api::rename_model, {.model = 2, .name = "o"}, {}, etag), precondition_failed, "");
}

TEST_F(Supervising, a_queued_training_stops_at_once) {
  train(user);
  train(user);
  EXPECT_EQ(call(user, api::stop_model, {.model = 2}).state, stopped);
  EXPECT_EQ(worker->started(), 1u);
}

TEST_F(Supervising, a_failed_training_says_why_and_is_not_repeated) {
  train(user);
  worker->last().end(wire::Outcome::error, "the cost became infinite in epoch 1, batch 7");
  EXPECT_EQ(show(user, 1).state, error);
  EXPECT_EQ(show(user, 1).reason, "the cost became infinite in epoch 1, batch 7");
  EXPECT_EQ(worker->started(), 1u);
  EXPECT_REFUSED(call(user, api::deploy_model, {.model = 1}), conflict, "its training failed");
}

TEST_F(Supervising, a_crash_goes_on_from_the_last_checkpoint) {
  train(user);
  worker->last().say_epoch(0);
  worker->last().write_checkpoint(0, 10, "one");
  worker->last().say_epoch(1);
  worker->last().exit({.signal = 11, .last_words = "boom"});
  const auto model = show(user, 1);
  EXPECT_EQ(model.state, running);
  EXPECT_EQ(model.restarts, 1);
  EXPECT_EQ(model.epochs_completed, 1);
  EXPECT_NE(model.reason.find("from the checkpoint of epoch 1"), std::string::npos) << model.reason;
  EXPECT_NE(model.reason.find("boom"), std::string::npos);
  ASSERT_EQ(worker->started(), 2u);
  EXPECT_EQ(worker->last().input(worker->last().train().resume_from), "one");
}

TEST_F(Supervising, crashes_without_progress_end_in_an_error) {
  train(user);
  for (int i = 0; i < Supervisor::kMaxCrashes; ++i) worker->last().exit({.signal = 11});
  EXPECT_EQ(show(user, 1).state, running);
  worker->last().write_checkpoint(0, 3, "progress");
  for (int i = 0; i <= Supervisor::kMaxCrashes; ++i) {
    EXPECT_EQ(show(user, 1).state, running);
    worker->last().exit({.exit_code = 3});
  }
  EXPECT_EQ(show(user, 1).state, error);
  EXPECT_EQ(show(user, 1).restarts, 2 * Supervisor::kMaxCrashes);
  EXPECT_NE(show(user, 1).reason.find("exit code 3"), std::string::npos);
}

TEST_F(Supervising, the_same_checkpoint_again_is_no_progress) {
  train(user);
  worker->last().write_checkpoint(0, 9, "older");
  worker->last().write_checkpoint(0, 10, "newer");
  for (int i = 0; i <= Supervisor::kMaxCrashes; ++i) {
    EXPECT_EQ(show(user, 1).state, running);
    worker->last().write_checkpoint(0, 10, "newer");
    worker->last().exit({.signal = 11});
  }
  EXPECT_EQ(show(user, 1).state, error);
  EXPECT_EQ(call(user, api::get_checkpoint, {.model = 1}), "newer");
}

TEST_F(Supervising, too_little_memory_is_said_so) {
  train(user);
  worker->last().exit({.signal = 9, .out_of_memory = true});
  EXPECT_EQ(show(user, 1).state, error);
  EXPECT_NE(show(user, 1).reason.find("needs more than its"), std::string::npos);
}

TEST_F(Supervising, a_damaged_checkpoint_is_refused_and_the_last_one_stays) {
  train(user);
  worker->last().write_checkpoint(0, 10, "good");
  std::ofstream(worker->last().folder.path() / "bad") << "x";
  EXPECT_THROW(worker->last().say({.kind = wire::EventKind::checkpoint, .file = "bad", .sha256 = base::sha256("y")}),
               base::Error);
  EXPECT_THROW(worker->last().say({.kind = wire::EventKind::checkpoint, .file = "../bad", .sha256 = base::sha256("x")}),
               base::Error);
  EXPECT_EQ(call(user, api::get_checkpoint, {.model = 1}), "good");
}

TEST_F(Supervising, rename_checks_that_nothing_changed) {
  const auto model = train(user);
  const std::string etag = api::etag_of(base::encode(show(user, 1)), api::passing_of<api::Model>());
  EXPECT_EQ(call(user, api::rename_model, {.model = 1, .name = "new name"}, {}, etag).name, "new name");
  EXPECT_REFUSED(call(user, api::rename_model, {.model = 1, .name = "other"}, {}, etag), precondition_failed,
                 "changed");
  EXPECT_REFUSED(call(user, api::rename_model, {.model = 1, .name = "a\nb"}), invalid_argument, "control characters");
}

TEST_F(Supervising, what_a_job_says_is_checked) {
  const std::int64_t id = train(user).id;
  FakeJob& job = worker->last();
  using Event = wire::Event;
  const auto epoch = wire::EventKind::epoch;
  EXPECT_REFUSED(job.say({.kind = epoch, .epoch = std::numeric_limits<std::int64_t>::max()}), invalid_argument,
                 "0 to 3");
  EXPECT_REFUSED(job.say({.kind = epoch, .epoch = std::numeric_limits<std::int64_t>::min()}), invalid_argument,
                 "0 to 3");
  EXPECT_REFUSED(job.say_epoch(3), invalid_argument, "after the last");
  EXPECT_REFUSED(job.say(Event{.kind = epoch}), invalid_argument, "epoch none");
  EXPECT_REFUSED(job.write_checkpoint(4, 1, "x"), invalid_argument, "epoch 4");
  EXPECT_REFUSED(job.say({.kind = epoch, .epoch = 0, .metrics = base::json::object{{"a", "text"}}}), invalid_argument,
                 "metric 'a'");
  EXPECT_REFUSED(job.say({.kind = epoch, .epoch = 0, .metrics = base::json::object{{std::string(200, 'a'), 1}}}),
                 invalid_argument, "short name");
  EXPECT_EQ(show(user, id).epochs_completed, 0);
  job.say_epoch(0);
  EXPECT_REFUSED(job.say_epoch(0), invalid_argument, "second time");
  job.say({.kind = wire::EventKind::step, .epoch = 1, .eta_s = 1e300});
  job.say({.kind = wire::EventKind::log, .text = std::string(100000, 'x')});
  EXPECT_EQ(events(id).back().text->size(), 4000u);
  EXPECT_EQ(show(user, id).epochs_completed, 1);
  job.end(wire::Outcome::error, std::string(100000, 'y'));
  EXPECT_EQ(show(user, id).reason.size(), 1000u);
}

TEST_F(Supervising, a_jobs_log_is_kept_to_a_limit) {
  const std::int64_t id = train(user).id;
  const std::string line(4000, 'x');
  for (int i = 0; i < 5000; ++i) worker->last().say({.kind = wire::EventKind::log, .text = line});
  std::int64_t bytes = 0, position = 0;
  std::string last;
  for (const auto feed = follow(user, id, false);;) {
    const auto page = feed->read(position, 1000);
    if (page.empty()) break;
    position = page.back().id;
    last = page.back().data;
  }
  bytes = position;
  EXPECT_LT(bytes, 18 << 20);
  EXPECT_NE(last.find("not kept"), std::string::npos) << last;
}

TEST_F(Supervising, nonsense_is_not_tried_again) {
  const std::int64_t id = train(user).id;
  worker->last().exit({.signal = 9, .spoke_nonsense = true, .last_words = "unknown event 'dance'"});
  EXPECT_EQ(show(user, id).state, ModelState::error);
  EXPECT_NE(show(user, id).reason.find("unknown event 'dance'"), std::string::npos) << show(user, id).reason;
  EXPECT_EQ(worker->started(), 1u);
}

TEST_F(Supervising, a_job_that_could_not_begin_is_no_crash) {
  const std::int64_t id = train(user).id;
  worker->last().exit({.exit_code = 127, .never_began = true, .last_words = "cannot make a pipe"});
  EXPECT_EQ(show(user, id).state, queued);
  EXPECT_NE(show(user, id).reason.find("cannot make a pipe"), std::string::npos) << show(user, id).reason;
  EXPECT_EQ(worker->started(), 1u);
  EXPECT_EQ(call(user, api::stop_model, {.model = id}).state, stopped);
}

TEST_F(Supervising, removal_needs_rest_and_frees_the_checkpoint) {
  train(user);
  EXPECT_REFUSED(call(user, api::delete_model, {.model = 1}), conflict, "ncloud model stop 1");
  worker->last().write_checkpoint(0, 10, "weights");
  worker->last().end(wire::Outcome::stopped);
  EXPECT_GE(call(user, api::delete_model, {.model = 1}).freed_bytes, 7);
  EXPECT_REFUSED(show(user, 1), not_found, "no model 1");
}

TEST_F(Supervising, models_are_found_by_name) {
  const std::int64_t id = train(user).id;
  EXPECT_EQ(call(user, api::get_model, {.model = std::string("m")}).id, id);
  EXPECT_EQ(call(user, api::get_model_file, {.model = std::string("m")}), "layers: []");
  EXPECT_REFUSED(call(user, api::get_model, {.model = std::string("x")}), not_found, "no model 'x'");
  const std::int64_t other = train(user).id;
  EXPECT_REFUSED(call(user, api::stop_model, {.model = std::string("m")}), conflict,
                 fmt::format("several models are called 'm': say which by its number: {}, {}", other, id));
  call(user, api::rename_model, {.model = other, .name = "n"});
  EXPECT_EQ(call(user, api::get_model, {.model = std::string("n")}).id, other);
  const std::string stranger = make_tenant("strangers", 0);
  EXPECT_REFUSED(call(stranger, api::get_model, {.model = std::string("n")}), not_found, "no model 'n'");
  EXPECT_REFUSED(call(stranger, api::get_model_file, {.model = other}), not_found, "no model");
}

TEST_F(Supervising, followers_are_woken_and_told_of_the_end) {
  train(user);
  const auto feed = follow(user, 1, true);
  std::atomic<int> wakes = 0;
  feed->on_change([&] { ++wakes; });
  const auto before = feed->read(0, 100);
  ASSERT_EQ(before.size(), 2u);
  EXPECT_FALSE(feed->ended());
  worker->last().say_epoch(0);
  EXPECT_GE(wakes, 1);
  const auto after = feed->read(before.back().id, 100);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(feed->read(before.front().id, 1).size(), 1u);
  EXPECT_EQ(feed->read(before.front().id, 1)[0].id, before[1].id);
  worker->last().end(wire::Outcome::completed);
  EXPECT_TRUE(feed->ended());
  EXPECT_EQ(feed->read(after.back().id, 100).size(), 1u);
  feed->on_change(nullptr);
}

}  // namespace
}  // namespace cloud

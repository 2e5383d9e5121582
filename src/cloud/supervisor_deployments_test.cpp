#include "cloud/supervising_test.h"

namespace cloud {
namespace {

using enum api::ModelState;

TEST_F(Supervising, deploy_predict_undeploy) {
  const std::int64_t id = completed_model();
  EXPECT_REFUSED(call(user, api::predict, {.model = id}, "png"), conflict,
                 "model 1 is not deployed; deploy it with: ncloud model deploy 1");
  EXPECT_REFUSED(call(user, api::undeploy_model, {.model = id}), conflict, "not deployed");
  EXPECT_EQ(call(user, api::deploy_model, {.model = id}).state, deploying);
  FakeJob& job = worker->last();
  EXPECT_EQ(job.input(job.order.program.serve->checkpoint), "weights");
  EXPECT_REFUSED(call(user, api::predict, {.model = id}, "png"), unavailable, "not ready yet");
  job.say({.kind = wire::EventKind::ready});
  EXPECT_EQ(show(user, id).state, deployed);
  EXPECT_REFUSED(call(user, api::delete_model, {.model = id}), conflict, "undeploy it first");
  {
    std::jthread server(
        [&] { answer_one(job, R"({"predictions": [{"probability": 0.9, "index": 1, "label": "boot"}]})"); });
    const auto answer = call(user, api::predict, {.model = id, .k = 1}, "png");
    ASSERT_EQ(answer.predictions.size(), 1u);
    EXPECT_EQ(answer.predictions[0].label, "boot");
  }
  {
    std::jthread server([&] {
      answer_one(job, R"({"error": {"code": "invalid_argument", "message": "k must be at most 10, got 11"}})");
    });
    EXPECT_REFUSED(call(user, api::predict, {.model = id, .k = 11}, "png"), invalid_argument, "at most 10");
  }
  EXPECT_EQ(call(user, api::list_resources, {}).items[0].cpus_used, 1);
  call(user, api::undeploy_model, {.model = id});
  eventually([&] { return show(user, id).state == completed; });
  EXPECT_EQ(call(user, api::list_resources, {}).items[0].cpus_used, 0);
}

TEST_F(Supervising, a_crashed_deployment_fails_its_requests_and_comes_back) {
  const std::int64_t id = completed_model();
  call(user, api::deploy_model, {.model = id});
  FakeJob& first = worker->last();
  first.say({.kind = wire::EventKind::ready});
  std::jthread crash([&] {
    wire::FrameReader frames;
    frames.fill(first.socket.get());
    first.exit({.signal = 11});  // also waits and starts it again
  });
  EXPECT_REFUSED(call(user, api::predict, {.model = id}, "png"), unavailable, "try again");
  crash.join();
  EXPECT_EQ(show(user, id).state, deploying);
  EXPECT_NE(show(user, id).reason.find("signal 11"), std::string::npos);
  worker->last().say({.kind = wire::EventKind::ready});
  EXPECT_EQ(show(user, id).state, deployed);
}

TEST_F(Supervising, what_cannot_be_started_for_now_waits_and_names_no_path) {
  const std::int64_t id = completed_model();
  call(user, api::deploy_model, {.model = id});
  worker->last().say({.kind = wire::EventKind::ready});
  const std::size_t before = worker->started();
  worker->next_fails = std::make_exception_ptr(base::system_error("cannot make '/srv/private'", ENOSPC));
  worker->last().exit({.signal = 11});
  const api::Model waiting = show(user, id);
  EXPECT_EQ(waiting.state, deploying);
  EXPECT_EQ(waiting.reason, "cannot be started now: the server's machine says: No space left on device");
  EXPECT_EQ(worker->started(), before);
  EXPECT_EQ(call(user, api::list_resources, {}).items[0].cpus_used, 0) << "others may have them meanwhile";
  EXPECT_EQ(call(user, api::undeploy_model, {.model = id}).state, completed);

  worker->next_fails = std::make_exception_ptr(base::system_error("cannot make '/srv/private'", ENOSPC));
  const api::Model training = show(user, train(user, 1).id);
  EXPECT_EQ(training.state, queued);
  EXPECT_EQ(training.reason, "cannot be started now: the server's machine says: No space left on device");
}

TEST_F(Supervising, what_cannot_be_started_at_all_says_so_and_names_no_path_whoever_noticed) {
  const auto reason_of_failure = [&](auto exception) {
    worker->next_fails = std::make_exception_ptr(exception);
    const api::Model model = show(user, train(user, 1).id);
    EXPECT_EQ(model.state, ModelState::error);
    return model.reason;
  };
  const std::error_code denied(EACCES, std::generic_category());
  EXPECT_EQ(reason_of_failure(base::system_error("cannot make '/srv/private'", EACCES)),
            "cannot be started: the server's machine says: Permission denied");
  EXPECT_EQ(reason_of_failure(std::filesystem::filesystem_error("cannot copy", "/srv/private", denied)),
            "cannot be started: the server's machine says: Permission denied");
  EXPECT_EQ(reason_of_failure(std::runtime_error("nothing in /srv/private")),
            "cannot be started: a fault of the server; its log says more");
}

TEST_F(Supervising, a_deployment_killed_for_memory_after_it_served_is_started_again) {
  const std::int64_t id = completed_model();
  call(user, api::deploy_model, {.model = id});
  const std::size_t before = worker->started();
  worker->last().say({.kind = wire::EventKind::ready});
  worker->last().exit({.signal = 9, .out_of_memory = true});
  EXPECT_EQ(worker->started(), before + 1);
  EXPECT_EQ(show(user, id).state, deploying);
  worker->last().say({.kind = wire::EventKind::ready});
  EXPECT_EQ(show(user, id).state, deployed);
  call(user, api::undeploy_model, {.model = id});
  eventually([&] { return show(user, id).state == completed; });
}

TEST_F(Supervising, a_deployment_that_never_fits_its_memory_goes_back_to_where_it_was) {
  const std::int64_t id = completed_model();
  call(user, api::deploy_model, {.model = id});
  worker->last().exit({.signal = 9, .out_of_memory = true});
  EXPECT_EQ(show(user, id).state, completed);
  EXPECT_NE(show(user, id).reason.find("needs more than its memory"), std::string::npos) << show(user, id).reason;
  EXPECT_EQ(call(user, api::list_resources, {}).items[0].cpus_used, 0);
}

TEST_F(Supervising, deployments_wait_for_resources_like_trainings) {
  const std::int64_t id = completed_model();
  train(user, 2);
  const auto waiting = call(user, api::deploy_model, {.model = id});
  EXPECT_EQ(waiting.state, deploying);
  EXPECT_EQ(waiting.reason, "waits for 1 CPU: model 2 holds 2 of 2");
  EXPECT_EQ(call(user, api::undeploy_model, {.model = id}).state, completed);
}

}  // namespace
}  // namespace cloud

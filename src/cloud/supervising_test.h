#pragma once
// A supervisor over a worker that does what a test says, with a user and a dataset; for the supervisor's tests.
#include "cloud/fake_cloud_test.h"
#include "cloud/supervisor.h"
#include "wire/frames.h"

namespace cloud {

class Supervising : public FakeCloud {
 protected:
  std::string user;
  void SetUp() override {
    FakeCloud::SetUp();
    user = make_tenant("vision");
    make_dataset(user);
  }

  std::vector<api::TrainingEvent> events(std::int64_t model) {
    std::vector<api::TrainingEvent> found;
    for (const auto& event : follow(user, model, false)->read(0, 1000))
      found.push_back(base::decode<api::TrainingEvent>(base::parse_json(event.data, "event")));
    return found;
  }
  // A model that has completed its three epochs.
  std::int64_t completed_model() {
    const std::int64_t id = train(user, 1).id;
    worker->last().say_epoch(2);
    worker->last().write_checkpoint(2, 10, "weights");
    worker->last().end(wire::Outcome::completed);
    return id;
  }
  // Answers one request on a serving job's socket.
  static void answer_one(FakeJob& job, const std::string& json) {
    wire::FrameReader frames;
    std::optional<std::string_view> payload;
    while (!(payload = frames.next()) && frames.fill(job.socket.get())) {}
    ASSERT_TRUE(payload);
    wire::send_all(job.socket.get(), wire::answer_frame(wire::parse_request(*payload).id, json));
  }
};

}  // namespace cloud

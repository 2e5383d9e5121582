// What people see of the object store: downloads, uploads and removals beside each other, damage, and a full disk.
#include "cloud/fake_cloud_test.h"

namespace cloud {
namespace {

class Storage : public FakeCloud {
 protected:
  std::string user;
  void SetUp() override {
    FakeCloud::SetUp();
    user = make_tenant("vision");
    make_dataset(user);
  }
  std::int64_t completed_model() {
    const std::int64_t id = train(user, 1).id;
    worker->last().say_epoch(2);
    worker->last().write_checkpoint(2, 10, "weights");
    worker->last().end(job::Outcome::completed);
    return id;
  }
};

TEST_F(Storage, downloads_uploads_and_new_checkpoints_do_not_wait_for_each_other) {
  const std::int64_t idle = completed_model();
  const std::int64_t trains = train(user, 1).id;
  FakeJob& job = worker->last();
  std::atomic<int> downloads = 0;
  const auto download = [&](std::int64_t model, const std::string& begin) {
    for (int i = 0; i < 300; ++i) {
      EXPECT_EQ(call(user, api::get_checkpoint, {.model = model}).substr(0, begin.size()), begin);
      ++downloads;
    }
  };
  job.write_checkpoint(0, 1, "newer 0");
  std::vector<std::thread> threads;
  threads.emplace_back(download, idle, "weights");
  threads.emplace_back(download, idle, "weights");
  threads.emplace_back(download, trains, "newer");
  threads.emplace_back([&] {
    for (int i = 1; i < 30; ++i) job.write_checkpoint(0, i, fmt::format("newer {}", i));
  });
  threads.emplace_back([&] {
    for (int i = 0; i < 10; ++i) {
      const std::string name = fmt::format("other-{}", i);
      call(user, api::create_dataset, announcement(name, 4));
      put(user, name, 0, shard(4, static_cast<char>('a' + i)));
      call(user, api::delete_dataset, {.dataset = name});
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(downloads, 900);
  EXPECT_EQ(daemon->trouble(), "");
}

}  // namespace
}  // namespace cloud

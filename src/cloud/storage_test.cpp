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
    worker->last().end(wire::Outcome::completed);
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

TEST_F(Storage, a_tenant_stores_no_more_than_it_may) {
  const auto used = [&] { return call(user, api::list_resources, {}).items.at(0).disk_used_bytes; };
  const std::int64_t before = used();
  EXPECT_EQ(before, static_cast<std::int64_t>(shard(4).size()));
  call(admin_token, api::allot_resources,
       {.tenant = "vision", .cpus = 2, .memory = "2GiB", .disk = std::to_string(2 * before + 10)});
  make_dataset(user, "second");
  EXPECT_EQ(used(), 2 * before);
  call(user, api::create_dataset, announcement("third", 4));
  EXPECT_REFUSED(put(user, "third", 0, shard(4, 'z')), over_allotment, "tenant 'vision' may store");
  EXPECT_EQ(call(user, api::get_dataset, {.dataset = "third"}).records_received, 0);
  const std::int64_t id = train(user, 1).id;  // its checkpoint passes the limit: trained is not thrown away
  worker->last().write_checkpoint(0, 10, "many weights");
  worker->last().end(wire::Outcome::stopped);
  EXPECT_EQ(used(), 2 * before + 12);
  EXPECT_REFUSED(call(user, api::resume_model, {.model = id}), over_allotment, "ncloud dataset rm");
  EXPECT_EQ(call(user, api::delete_dataset, {.dataset = "second"}).freed_bytes, before);
  call(user, api::resume_model, {.model = id});
  call(admin_token, api::allot_resources, {.tenant = "vision", .cpus = 2, .memory = "2GiB"});  // says nothing of disk
  EXPECT_EQ(call(user, api::list_resources, {}).items.at(0).disk_bytes, 2 * before + 10);
}

TEST_F(Storage, the_checkpoint_before_the_newest_is_kept_and_goes_with_the_model) {
  const std::int64_t id = train(user, 1).id;
  for (int epoch = 0; epoch < 3; ++epoch) worker->last().write_checkpoint(epoch, 10, fmt::format("epoch {}", epoch));
  worker->last().end(wire::Outcome::stopped);
  const auto stored = [&](std::string_view bytes) {
    const std::string sha256 = base::sha256(bytes);
    return std::filesystem::exists(folder.path() / "objects" / sha256.substr(0, 2) / sha256.substr(2));
  };
  EXPECT_FALSE(stored("epoch 0"));
  EXPECT_TRUE(stored("epoch 1"));
  EXPECT_TRUE(stored("epoch 2"));

  const auto newest =
      folder.path() / "objects" / base::sha256("epoch 2").substr(0, 2) / base::sha256("epoch 2").substr(2);
  std::filesystem::permissions(newest, std::filesystem::perms::owner_all);
  std::ofstream(newest) << "EPOCH 2";
  daemon.reset();
  start();
  call(user, api::resume_model, {.model = id});
  eventually([&] { return show(user, id).state == ModelState::running; });
  ASSERT_EQ(worker->started(), 1u);
  EXPECT_EQ(worker->last().input(worker->last().train().resume_from), "epoch 1");
  EXPECT_EQ(show(user, id).epochs_completed, 2);
  worker->last().end(wire::Outcome::stopped);
  EXPECT_GE(call(user, api::delete_model, {.model = id}).freed_bytes, 7);
  EXPECT_FALSE(stored("epoch 1"));
}

TEST_F(Storage, a_training_on_damaged_records_ends_and_names_the_dataset) {
  const std::string sha256 = base::sha256(shard(4));
  std::string bytes = shard(4);
  bytes.back() = '?';
  const auto path = folder.path() / "objects" / sha256.substr(0, 2) / sha256.substr(2);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::ofstream(path) << bytes;
  const std::int64_t id = train(user, 1).id;
  EXPECT_EQ(show(user, id).state, ModelState::error);
  EXPECT_NE(show(user, id).reason.find("dataset 'fashion' (object " + sha256 + ") is damaged"), std::string::npos)
      << show(user, id).reason;
  EXPECT_EQ(worker->started(), 0u);
  make_dataset(user, "again");  // the same bytes
  call(user, api::resume_model, {.model = id});
  EXPECT_EQ(show(user, id).state, ModelState::running);
}

TEST_F(Storage, long_texts_of_jobs_are_cut_between_characters_where_they_are_stored) {
  const std::int64_t id = train(user, 1).id;
  std::string name;
  for (int i = 0; i < 300000; ++i) name += "é";
  worker->last().say({.kind = wire::EventKind::log, .text = name});
  worker->last().end(wire::Outcome::error, "x" + name + ": cannot be decoded");
  const std::string reason = show(user, id).reason;
  EXPECT_LE(reason.size(), kMaxReasonBytes);
  EXPECT_TRUE(reason.starts_with("xéé"));
  EXPECT_TRUE(reason.ends_with("é…"));
  for (const auto& event : follow(user, id, false)->read(0, 1000)) EXPECT_LT(event.data.size(), 20000u);
}

}  // namespace
}  // namespace cloud

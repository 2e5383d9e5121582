#include <cerrno>

#include "cloud/fake_cloud_test.h"

namespace cloud {
namespace {

class Datasets : public FakeCloud {
 protected:
  std::string user;
  void SetUp() override {
    FakeCloud::SetUp();
    user = make_tenant("vision");
  }
};

TEST_F(Datasets, shards_arrive_in_any_order_and_complete_it) {
  const auto created = call(user, api::create_dataset, announcement("fashion", 10));
  EXPECT_EQ(created.state, api::DatasetState::uploading);
  put(user, "fashion", 6, shard(4));
  EXPECT_REFUSED(call(user, api::complete_dataset, {.dataset = "fashion"}), conflict,
                 "6 of 10 records of dataset 'fashion' are missing");
  EXPECT_EQ(put(user, "fashion", 0, shard(6)).record_count, 6);
  EXPECT_EQ(call(user, api::get_dataset, {.dataset = "fashion"}).records_received, 10);
  const auto ready = call(user, api::complete_dataset, {.dataset = "fashion"});
  EXPECT_EQ(ready.state, api::DatasetState::ready);
  EXPECT_EQ(ready.labels, (std::vector<std::string>{"bag", "boot"}));
  const auto shards = call(user, api::list_shards, {.dataset = "fashion"});
  ASSERT_EQ(shards.items.size(), 2u);
  EXPECT_EQ(shards.items[0].first_record, 0);
  EXPECT_EQ(shards.items[1].first_record, 6);
}

TEST_F(Datasets, an_interrupted_upload_goes_on_where_it_was) {
  const auto first = call(user, api::create_dataset, announcement("fashion", 10));
  put(user, "fashion", 0, shard(4));
  daemon.reset();
  start();
  const auto again = call(user, api::create_dataset, announcement("fashion", 10));
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.records_received, 4);
  put(user, "fashion", 0, shard(4));  // the same shard again changes nothing
  put(user, "fashion", 4, shard(6));
  EXPECT_EQ(call(user, api::complete_dataset, {.dataset = "fashion"}).records_received, 10);
  put(user, "fashion", 4, shard(6));
  EXPECT_REFUSED(put(user, "fashion", 4, shard(5)), conflict, "complete");
  EXPECT_REFUSED(call(user, api::create_dataset, announcement("fashion", 10)), conflict, "already");
}

TEST_F(Datasets, another_manifest_under_a_taken_name_is_refused) {
  call(user, api::create_dataset, announcement("fashion", 10));
  auto other = announcement("fashion", 10);
  other.manifest_sha256 = base::sha256("other");
  EXPECT_REFUSED(call(user, api::create_dataset, other), conflict, "ncloud dataset rm fashion");
}

TEST_F(Datasets, bad_shards_are_refused_with_the_reason) {
  call(user, api::create_dataset, announcement("fashion", 10));
  const std::string good = shard(4);
  EXPECT_REFUSED(call(user, api::put_shard, {.dataset = "fashion", .sha256 = base::sha256("other")}, good),
                 invalid_argument, "send it again");
  EXPECT_REFUSED(put(user, "fashion", 0, good.substr(0, good.size() - 3)), invalid_argument,
                 "shard of records from 0 on");
  EXPECT_REFUSED(put(user, "fashion", 0, ""), invalid_argument, "");
  EXPECT_REFUSED(put(user, "fashion", 8, good), invalid_argument, "ends at record 10");
  EXPECT_REFUSED(put(user, "fashion", std::numeric_limits<std::int64_t>::max() - 1, good), invalid_argument,
                 "ends at record 10");
  records::ShardWriter writer({records::ElementType::STRING});
  const std::vector<std::string> one{"x"};
  writer.add("r", one);
  EXPECT_REFUSED(put(user, "fashion", 0, writer.finish()), invalid_argument,
                 "has columns STRING, dataset 'fashion' has FILE, STRING");
  put(user, "fashion", 2, good);
  EXPECT_REFUSED(put(user, "fashion", 0, shard(3)), conflict, "records 0 to 2");
  EXPECT_REFUSED(put(user, "fashion", 5, shard(2)), conflict, "another shard");
  EXPECT_EQ(call(user, api::get_dataset, {.dataset = "fashion"}).records_received, 4);
}

TEST_F(Datasets, bad_announcements_are_refused) {
  auto request = announcement("fashion", 10);
  request.types = {"FILE", "PICTURE"};
  EXPECT_REFUSED(call(user, api::create_dataset, request), invalid_argument, "PICTURE");
  request = announcement("fashion", 10);
  request.manifest_sha256 = "abc";
  EXPECT_REFUSED(call(user, api::create_dataset, request), invalid_argument, "SHA-256");
  request = announcement("fashion", 10);
  request.labels = {"a", "a"};
  EXPECT_REFUSED(call(user, api::create_dataset, request), invalid_argument, "same name");
  for (const std::string& bad : {std::string(), std::string(257, 'x'), std::string("a\nb")}) {
    request.labels = {"a", bad};
    EXPECT_REFUSED(call(user, api::create_dataset, request), invalid_argument, "1 to 256 characters");
  }
  request.labels.clear();
  for (int i = 0; i < 5000; ++i) request.labels.push_back(std::to_string(i) + std::string(250, 'x'));
  EXPECT_REFUSED(call(user, api::create_dataset, request), too_large, "in all");
}

TEST_F(Datasets, lists_leave_the_labels_out) {
  make_dataset(user);
  EXPECT_EQ(call(user, api::get_dataset, {.dataset = "fashion"}).labels.size(), 2u);
  EXPECT_TRUE(call(user, api::list_datasets, {}).items.at(0).labels.empty());
}

TEST_F(Datasets, a_full_disk_loses_nothing) {
  call(user, api::create_dataset, announcement("fashion", 4));
  base::set_disk_fault(
      [](std::string_view operation, const std::filesystem::path&) { return operation == "write" ? ENOSPC : 0; });
  EXPECT_REFUSED(put(user, "fashion", 0, shard(4)), disk_full, "");
  base::set_disk_fault(nullptr);
  EXPECT_EQ(call(user, api::get_dataset, {.dataset = "fashion"}).records_received, 0);
  put(user, "fashion", 0, shard(4));
  call(user, api::complete_dataset, {.dataset = "fashion"});
}

TEST_F(Datasets, removal_frees_what_the_tenant_counted_whatever_others_have) {
  const std::string bytes = shard(4);
  const std::string other = make_tenant("audio", 0);
  for (const std::string& token : {user, other}) {
    call(token, api::create_dataset, announcement("a", 4));
    put(token, "a", 0, bytes);
  }
  for (const std::string& token : {user, other})
    EXPECT_EQ(call(token, api::delete_dataset, {.dataset = "a"}).freed_bytes, static_cast<std::int64_t>(bytes.size()));
  EXPECT_REFUSED(call(user, api::get_dataset, {.dataset = "a"}), not_found, "no dataset 'a'");
  EXPECT_NE(daemon->metrics().find("ncloud_objects_bytes 0\n"), std::string::npos);
}

TEST_F(Datasets, a_dataset_in_use_stays) {
  make_dataset(user);
  const auto model = train(user);
  EXPECT_REFUSED(call(user, api::delete_dataset, {.dataset = "fashion", .force = true}), conflict,
                 "model 1 (running) uses dataset 'fashion'");
  worker->last().end(wire::Outcome::stopped);
  EXPECT_REFUSED(call(user, api::delete_dataset, {.dataset = "fashion"}), conflict,
                 "model 1 (stopped) could not be resumed without dataset 'fashion'");
  EXPECT_NE(call(user, api::delete_dataset, {.dataset = "fashion", .force = true}).note.find("uploaded again"),
            std::string::npos);
  EXPECT_REFUSED(call(user, api::resume_model, {.model = model.id}), conflict, "upload the same files again");
}

TEST_F(Datasets, the_same_content_uploaded_again_serves_the_models_of_a_removed_dataset) {
  make_dataset(user);
  const auto model = train(user);
  worker->last().end(wire::Outcome::stopped);
  call(user, api::delete_dataset, {.dataset = "fashion", .force = true});

  // Other labels, other records, another tenant: not the same.
  auto other = announcement("other", 4);
  other.labels = {"boot", "bag"};
  call(user, api::create_dataset, other);
  put(user, "other", 0, shard(4));
  call(user, api::complete_dataset, {.dataset = "other"});
  call(user, api::create_dataset, announcement("third", 4));
  put(user, "third", 0, shard(4, 'y'));
  call(user, api::complete_dataset, {.dataset = "third"});
  make_dataset(make_tenant("audio", 0));
  EXPECT_REFUSED(call(user, api::resume_model, {.model = model.id}), conflict, "has been removed");

  make_dataset(user, "again");
  EXPECT_EQ(show(user, model.id).datasets.at(0).dataset, "again");
  call(user, api::resume_model, {.model = model.id});
  EXPECT_EQ(show(user, model.id).state, ModelState::running);
}

TEST_F(Datasets, a_training_takes_no_datasets_that_name_the_classes_differently) {
  const auto make = [&](const std::string& name, std::vector<std::string> labels) {
    auto request = announcement(name, 4);
    request.labels = std::move(labels);
    call(user, api::create_dataset, request);
    put(user, name, 0, shard(4));
    call(user, api::complete_dataset, {.dataset = name});
  };
  make("a", {"cat", "dog"});
  make("b", {"dog", "cat"});
  make("longer", {"cat", "dog", "emu"});
  make("none", {});
  make("same", {"cat", "dog"});
  const auto train_on = [&](const std::string& first, const std::string& role, const std::string& second) {
    return call(user, api::train_model,
                {.filename = "m.yaml",
                 .yaml = "layers: []",
                 .datasets = {{.dataset = first}, {.role = role, .dataset = second}},
                 .cpus = 1});
  };
  for (const std::string role : {"train", "eval"}) {
    EXPECT_REFUSED(train_on("a", role, "b"), invalid_argument,
                   "datasets 'a' and 'b' name the classes differently: at index 0 'a' has 'cat', and 'b' has 'dog'");
    EXPECT_REFUSED(train_on("a", role, "longer"), invalid_argument,
                   "at index 2 'a' ends with 2 names, the last of them 'dog', and 'longer' has 'emu'");
    EXPECT_REFUSED(train_on("longer", role, "a"), invalid_argument, "at index 2 'longer' has 'emu'");
    train_on("a", role, "none");
    train_on("none", role, "a");
    train_on("a", role, "same");
  }
}

TEST_F(Datasets, a_page_ends_early_when_its_entries_are_large) {
  api::Dataset large;
  large.labels.assign(1000, std::string(250, 'x'));
  const auto page = page_of(std::vector<api::Dataset>(20, large), 100, [](const api::Dataset&) { return 7; });
  EXPECT_LT(page.items.size(), 10u);
  EXPECT_GT(page.items.size(), 1u);
  EXPECT_EQ(page.next_page_token, "7");
  EXPECT_TRUE(
      page_of(std::vector<api::Dataset>(20), 100, [](const api::Dataset&) { return 7; }).next_page_token.empty());
}

}  // namespace
}  // namespace cloud

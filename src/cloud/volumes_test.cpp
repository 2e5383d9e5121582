#include "cloud/fake_cloud_test.h"

namespace cloud {
namespace {

class Volumes : public FakeCloud {
 protected:
  std::string user;
  void SetUp() override {
    FakeCloud::SetUp();
    user = make_tenant("vision");
    call(user, api::create_volume, {.name = "words"});
  }
  api::Piece piece(const std::string& token, const std::string& bytes) {
    return call(token, api::put_piece, {.volume = "words", .sha256 = base::sha256(bytes)}, bytes);
  }
  api::Volume put(const std::string& path, const std::string& bytes) {
    piece(user, bytes);
    return call(user, api::change_volume, {.volume = "words", .puts = {{.path = path, .sha256 = base::sha256(bytes)}}});
  }
  std::string read(const std::string& path) {
    return call(user, api::get_volume_content, {.volume = "words", .path = path});
  }
  std::vector<std::string> paths() {
    std::vector<std::string> all;
    for (const auto& file : call(user, api::list_volume_files, {.volume = "words"}).items) all.push_back(file.path);
    std::sort(all.begin(), all.end());
    return all;
  }
  std::int64_t used() { return call(user, api::list_resources, {}).items.at(0).disk_used_bytes; }
  bool stored(const std::string& bytes) {
    return ObjectFolder(Daemon::objects_in(folder.path())).has(base::sha256(bytes));
  }
};

TEST_F(Volumes, files_come_back_as_they_went_and_each_change_is_a_version) {
  EXPECT_EQ(call(user, api::get_volume, {.volume = "words"}).version, 0);
  EXPECT_EQ(put("a.txt", "one").version, 1);
  EXPECT_EQ(put("tables/b.txt", "two").version, 2);
  EXPECT_EQ(put("tables/b.txt", "two").version, 2);  // nothing changes
  EXPECT_EQ(put("empty", "").version, 3);
  EXPECT_EQ(read("a.txt"), "one");
  EXPECT_EQ(read("tables/b.txt"), "two");
  EXPECT_EQ(read("empty"), "");
  EXPECT_EQ(paths(), (std::vector<std::string>{"a.txt", "empty", "tables/b.txt"}));
  const auto volume = call(user, api::get_volume, {.volume = "1"});
  EXPECT_EQ(volume.name, "words");
  EXPECT_EQ(volume.file_count, 3);
  EXPECT_EQ(volume.size_bytes, 6);
  EXPECT_EQ(call(user, api::list_volume_files, {.volume = "words"}).items.at(1).version, 2);
  EXPECT_REFUSED(read("nothing"), not_found, "ncloud volume show words");
  daemon.reset();
  start();
  EXPECT_EQ(read("tables/b.txt"), "two");
}

TEST_F(Volumes, pages_of_files_leave_none_out) {
  for (int i = 0; i < 7; ++i) put(fmt::format("f{}", i), fmt::format("{}", i));
  std::vector<std::string> seen;
  api::ListVolumeFiles request{.volume = "words", .page_size = 3};
  do {
    const auto page = call(user, api::list_volume_files, request);
    for (const auto& file : page.items) seen.push_back(file.path);
    request.page_token = page.next_page_token;
  } while (!request.page_token.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"f0", "f1", "f2", "f3", "f4", "f5", "f6"}));
}

TEST_F(Volumes, a_change_is_one_version_or_nothing) {
  put("a.txt", "one");
  piece(user, "two");
  const auto change = [&](api::ChangeVolume request) {
    request.volume = "words";
    return call(user, api::change_volume, request);
  };
  EXPECT_REFUSED(change({.removes = {"a.txt"}, .puts = {{.path = "b", .sha256 = base::sha256("never sent")}}}),
                 conflict, "have not arrived");
  EXPECT_EQ(read("a.txt"), "one");
  const auto after =
      change({.moves = {{"a.txt", "old/a.txt"}}, .puts = {{.path = "a.txt", .sha256 = base::sha256("two")}}});
  EXPECT_EQ(after.version, 2);
  EXPECT_EQ(read("old/a.txt"), "one");
  EXPECT_EQ(read("a.txt"), "two");
  EXPECT_EQ(change({.moves = {{"old", "older"}}}).version, 3);
  EXPECT_EQ(read("older/a.txt"), "one");
  EXPECT_REFUSED(change({.moves = {{"older", "older/x"}}}), conflict, "into itself");
  EXPECT_REFUSED(change({.moves = {{"older/a.txt", "a.txt"}}}), conflict, "already");
  EXPECT_REFUSED(change({.moves = {{"nothing", "x"}}}), not_found, "no 'nothing'");
  EXPECT_REFUSED(change({.removes = {"old"}}), not_found, "no 'old'");  // begins "older", which is no folder "old"
  EXPECT_EQ(change({.removes = {"older"}}).file_count, 1);
  // The bytes that are there already need not be sent again, under whatever path.
  EXPECT_EQ(change({.puts = {{.path = "copy", .sha256 = base::sha256("two")}}}).file_count, 2);
  EXPECT_EQ(read("copy"), "two");
}

TEST_F(Volumes, a_file_is_no_folder) {
  put("a", "one");
  EXPECT_REFUSED(put("a/b", "two"), conflict, "in a file");
  put("folder/b", "two");
  EXPECT_REFUSED(put("folder", "three"), conflict, "where there is a folder");
  EXPECT_EQ(paths(), (std::vector<std::string>{"a", "folder/b"}));
}

TEST_F(Volumes, paths_stay_inside) {
  piece(user, "x");
  for (const std::string& bad : {std::string("/etc/passwd"), std::string("../x"), std::string("a/../../x"),
                                 std::string("a//b"), std::string("."), std::string("a/"), std::string("a\nb"),
                                 std::string("a\0b", 3), std::string(), std::string(300, 'x'), std::string(2000, 'x')})
    EXPECT_EQ(error_of([&] {
                call(user, api::change_volume,
                     {.volume = "words", .puts = {{.path = bad, .sha256 = base::sha256("x")}}});
              }).code,
              base::Code::invalid_argument)
        << bad;
  std::string deep = "x";
  for (int i = 0; i < 70; ++i) deep += "/x";
  EXPECT_REFUSED(put(deep, "x"), invalid_argument, "over 64 names");
  put("from", "x");
  EXPECT_REFUSED(call(user, api::change_volume, {.volume = "words", .moves = {{"from", "../to"}}}), invalid_argument,
                 "'..'");
  put("..hidden/...", "x");  // odd names, but names
  EXPECT_EQ(read("..hidden/..."), "x");
}

TEST_F(Volumes, large_files_come_in_pieces) {
  const std::string first(100000, 'a'), second(50000, 'b');
  api::VolumePut whole{
      .path = "big", .sha256 = base::sha256(first + second), .pieces = {base::sha256(first), base::sha256(second)}};
  piece(user, first);
  EXPECT_EQ(
      call(user, api::list_missing, {.volume = "words", .sha256s = {whole.sha256, whole.pieces[0], whole.pieces[1]}})
          .sha256s,
      (std::vector<std::string>{whole.sha256, whole.pieces[1]}));
  EXPECT_REFUSED(call(user, api::change_volume, {.volume = "words", .puts = {whole}}), conflict, whole.pieces[1]);
  piece(user, second);
  auto wrong = whole;
  wrong.sha256 = base::sha256("something else");
  EXPECT_REFUSED(call(user, api::change_volume, {.volume = "words", .puts = {wrong}}), invalid_argument, "announced");
  call(user, api::change_volume, {.volume = "words", .puts = {whole}});
  EXPECT_EQ(read("big"), first + second);
  EXPECT_EQ(used(), 150000);  // the pieces are gone
  EXPECT_FALSE(stored(first));
  EXPECT_TRUE(call(user, api::list_missing, {.volume = "words", .sha256s = {whole.sha256}}).sha256s.empty());
}

TEST_F(Volumes, what_nobody_needs_any_more_is_gone) {
  put("a", "one");
  put("b", "one");
  EXPECT_EQ(used(), 6);
  put("a", "two");
  EXPECT_TRUE(stored("one"));
  put("b", "two");
  EXPECT_FALSE(stored("one"));
  piece(user, "loose");
  EXPECT_EQ(call(user, api::delete_volume, {.volume = "words"}).freed_bytes, 11);
  EXPECT_FALSE(stored("two"));
  EXPECT_FALSE(stored("loose"));
  EXPECT_EQ(used(), 0);
  EXPECT_REFUSED(call(user, api::get_volume, {.volume = "words"}), not_found, "ncloud volume ls");
}

TEST_F(Volumes, belong_to_their_tenant) {
  put("secret", "bytes");
  const std::string other = make_tenant("audio", 1, "1GiB");
  EXPECT_REFUSED(call(other, api::get_volume, {.volume = "words"}), not_found, "");
  EXPECT_REFUSED(call(other, api::get_volume_content, {.volume = "1", .path = "secret"}), not_found, "");
  call(other, api::create_volume, {.name = "words"});
  // Nobody learns or takes what others have by its hash.
  EXPECT_EQ(call(other, api::list_missing, {.volume = "words", .sha256s = {base::sha256("bytes")}}).sha256s.size(), 1u);
  EXPECT_REFUSED(call(other, api::change_volume,
                      {.volume = "words", .puts = {{.path = "stolen", .sha256 = base::sha256("bytes")}}}),
                 conflict, "have not arrived");
}

TEST_F(Volumes, have_names_limits_and_a_quota) {
  EXPECT_REFUSED(call(user, api::create_volume, {.name = "words"}), conflict, "ncloud volume upload words");
  EXPECT_REFUSED(call(user, api::create_volume, {.name = "1"}), invalid_argument, "");
  EXPECT_EQ(call(user, api::rename_volume, {.volume = "words", .name = "tables"}).name, "tables");
  EXPECT_EQ(call(user, api::list_volumes, {}).items.at(0).name, "tables");
  call(user, api::rename_volume, {.volume = "tables", .name = "words"});
  call(admin_token, api::limit_tenant, {.tenant = "vision", .max_volumes = 1});
  EXPECT_REFUSED(call(user, api::create_volume, {.name = "more"}), over_allotment, "1 volume and may have 1");
  call(admin_token, api::allot_resources, {.tenant = "vision", .cpus = 1, .memory = "1GiB", .disk = "100"});
  put("a", std::string(60, 'x'));
  EXPECT_REFUSED(put("b", std::string(60, 'y')), over_allotment, "ncloud volume rm");
  // A second path to the same bytes counts as well.
  EXPECT_REFUSED(call(user, api::change_volume,
                      {.volume = "words", .puts = {{.path = "b", .sha256 = base::sha256(std::string(60, 'x'))}}}),
                 over_allotment, "");
  EXPECT_EQ(paths(), std::vector<std::string>{"a"});
}

class VolumesOfJobs : public Volumes {
 protected:
  void SetUp() override {
    Volumes::SetUp();
    make_dataset(user);
  }
  std::int64_t train_with(std::vector<api::VolumeUse> volumes) {
    return call(user, api::train_model,
                {.filename = "m.yaml",
                 .yaml = "layers: []",
                 .datasets = {{.dataset = "fashion"}},
                 .volumes = std::move(volumes),
                 .cpus = 1})
        .id;
  }
  // What the job would have left.
  Written left(const std::map<std::string, std::string>& files) {
    Written written{.volume = worker->last().order.mounts.at(0).volume};
    for (const auto& [path, bytes] : files) {
      std::string before;
      for (const VolumeContent& file : worker->last().order.mounts.at(0).files)
        if (file.path == path) before = file.sha256;
      written.changed.push_back({path, before, static_cast<std::int64_t>(bytes.size())});
    }
    written.open = [this, files](const std::string& path) {
      const auto file = folder.path() / "left";
      std::ofstream(file) << files.at(path);
      return base::open_for_reading(file);
    };
    return written;
  }
};

TEST_F(VolumesOfJobs, a_job_has_the_version_of_its_start_and_what_it_wrote_is_the_next) {
  put("a", "one");
  put("b", "two");
  const std::int64_t model = train_with({{.volume = "words"}});
  const auto mounts = worker->last().order.mounts;
  ASSERT_EQ(mounts.size(), 1u);
  EXPECT_EQ(mounts[0].place, "/data");
  EXPECT_FALSE(mounts[0].read_only);
  ASSERT_EQ(mounts[0].files.size(), 2u);
  EXPECT_EQ(mounts[0].files[1].sha256, base::sha256("two"));
  EXPECT_EQ(show(user, model).volumes.at(0).volume, "words");
  put("a", "meanwhile");
  EXPECT_TRUE(stored("one"));  // until the job has its files
  Written written = left({{"c", "three"}});
  written.removed = {mounts[0].files[0], mounts[0].files[1]};  // of which somebody has changed the first
  worker->last().listener.written(written);
  worker->last().end(wire::Outcome::completed);
  eventually([&] { return show(user, model).state == api::ModelState::completed; });
  EXPECT_EQ(paths(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(read("a"), "meanwhile");
  EXPECT_EQ(read("c"), "three");
  EXPECT_EQ(call(user, api::get_volume, {.volume = "words"}).version, 4);
}

TEST_F(VolumesOfJobs, of_two_writers_the_last_whole_file_stays_and_the_untouched_ones_do_too) {
  put("a", "one");
  put("b", "one");
  train_with({{.volume = "words"}});
  FakeJob& first = worker->last();
  const Written of_first = left({{"a", "first"}, {"b", "one"}});  // b was touched, and is the same
  put("b", "two");
  first.listener.written(of_first);
  EXPECT_EQ(read("a"), "first");
  EXPECT_EQ(read("b"), "two");
}

TEST_F(VolumesOfJobs, what_does_not_fit_is_not_kept_and_the_log_says_so) {
  call(admin_token, api::allot_resources, {.tenant = "vision", .cpus = 1, .memory = "1GiB", .disk = "1KB"});
  const std::int64_t model = train_with({{.volume = "words"}});
  Written written = left({{"large", std::string(2000, 'x')}});
  written.left_out = {"'link', which is a symbolic link"};
  worker->last().listener.written(written);
  EXPECT_TRUE(paths().empty());
  const auto feed = follow(user, model, false);
  std::string log;
  for (const auto& event : feed->read(0, 1000)) log += event.data;
  EXPECT_NE(log.find("may store"), std::string::npos) << log;
  EXPECT_NE(log.find("'link', which is a symbolic link"), std::string::npos) << log;
}

TEST_F(VolumesOfJobs, places_are_free_and_apart) {
  call(user, api::create_volume, {.name = "tables"});
  for (const char* bad : {"data", "/", "/usr/share", "/proc", "/dev/x", "/tmp", "/a/../usr", "/a//b", "/a/"})
    EXPECT_EQ(error_of([&] { train_with({{.volume = "words", .place = bad}}); }).code, base::Code::invalid_argument)
        << bad;
  EXPECT_REFUSED(train_with({{.volume = "words"}, {.volume = "tables"}}), invalid_argument, "--volume tables:/lookup");
  EXPECT_REFUSED(train_with({{.volume = "words"}, {.volume = "tables", .place = "/data/x"}}), invalid_argument, "");
  EXPECT_REFUSED(train_with({{.volume = "words"}, {.volume = "words", .place = "/b"}}), invalid_argument, "twice");
  EXPECT_REFUSED(train_with({{.volume = "none"}}), not_found, "ncloud volume ls");
  train_with({{.volume = "words"}, {.volume = "tables", .place = "/data2", .read_only = true}});
  EXPECT_TRUE(worker->last().order.mounts.at(1).read_only);
}

TEST_F(VolumesOfJobs, a_volume_in_use_stays) {
  put("a", "one");
  const std::int64_t model = train_with({{.volume = "words"}});
  EXPECT_REFUSED(call(user, api::delete_volume, {.volume = "words"}), conflict, "ncloud model stop 1");
  call(user, api::stop_model, {.model = model});
  worker->last().end(wire::Outcome::stopped);
  eventually([&] { return show(user, model).state == api::ModelState::stopped; });
  EXPECT_REFUSED(call(user, api::delete_volume, {.volume = "words"}), conflict, "--force");
  call(user, api::delete_volume, {.volume = "words", .force = true});
  EXPECT_REFUSED(call(user, api::resume_model, {.model = model}), conflict, "volume 'words'");
}

TEST_F(Volumes, a_full_disk_loses_nothing) {
  put("a", "one");
  base::set_disk_fault(
      [](std::string_view operation, const std::filesystem::path&) { return operation == "write" ? ENOSPC : 0; });
  EXPECT_REFUSED(put("a", "two"), disk_full, "");
  base::set_disk_fault(nullptr);
  EXPECT_EQ(read("a"), "one");
}

}  // namespace
}  // namespace cloud

#include "apps/ncloud/command_line.h"

#include <cstdlib>

#include "api/http/fake_server_test.h"
#include "apps/ncloud/command.h"
#include "base/files.h"
#include "base/sha256.h"
#include "records/shard.h"

namespace ncloud {
namespace {

/// Keeps the shards that arrive.
struct FakeDatasets {
  std::mutex mutex;
  api::CreateDataset announced;
  std::map<std::int64_t, std::string> shards;
  int puts = 0;

  void add_handlers(api::Router& router) {
    router.handle(api::create_dataset, [this](const api::Call&, const api::CreateDataset& request) {
      announced = request;
      return api::Dataset{.id = 5, .name = request.name};
    });
    router.handle(api::put_shard, [this](const api::Call& call, const api::PutShard& request) {
      const std::lock_guard lock(mutex);
      ++puts;
      if (base::sha256(call.body) != request.sha256) throw base::Error(base::Code::invalid_argument, "hash");
      shards[request.first_record] = std::string(call.body);
      return api::Shard{.first_record = request.first_record};
    });
    router.handle(api::list_shards, [this](const api::Call&, const api::ListShards&) {
      const std::lock_guard lock(mutex);
      api::Page<api::Shard> page;
      for (const auto& [first, bytes] : shards)
        page.items.push_back({.first_record = first, .sha256 = base::sha256(bytes)});
      return page;
    });
    router.handle(api::complete_dataset, [this](const api::Call&, const api::DatasetRef&) {
      return api::Dataset{
          .id = 5, .name = announced.name, .state = api::DatasetState::ready, .record_count = announced.record_count};
    });
    router.handle(api::train_model, [](const api::Call&, const api::TrainModel& request) {
      if (request.yaml.find("Afine") != std::string::npos)
        throw base::Error(base::Code::invalid_argument, "unknown layer 'Afine'; did you mean 'Affine'? (m.yaml:3)");
      return api::Model{.id = 3, .name = request.name, .datasets = request.datasets};
    });
    router.handle(api::delete_model,
                  [](const api::Call&, const api::ModelRef&) { return api::Deleted{.freed_bytes = 1000}; });
  }
};

class CommandLine : public testing::Test {
 protected:
  CommandLine() : server_({}, [this](api::Router& router) { datasets_.add_handlers(router); }) {
    ::setenv("XDG_CONFIG_HOME", folder_.path().c_str(), 1);
    ::setenv("NCLOUD_HOST", server_.url().c_str(), 1);
    ::setenv("NCLOUD_TOKEN", "admin", 1);
    ::unsetenv("NCLOUD_PROFILE");
  }

  /// Runs "ncloud <words>".
  int run(std::vector<const char*> words) {
    words.insert(words.begin(), "ncloud");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run_command_line(static_cast<int>(words.size()), words.data());
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }

  std::string file(const std::string& name, std::string_view content) {
    const std::filesystem::path path = folder_.path() / name;
    base::write_file_atomically(path, content);
    return path.string();
  }

  base::TemporaryFolder folder_;
  FakeDatasets datasets_;
  api::FakeServer server_;
  std::string out_, err_;
};

TEST_F(CommandLine, runs_commands_of_the_contract) {
  EXPECT_EQ(run({"info"}), 0);
  EXPECT_EQ(out_, "name     ncloud\nversion  test\napi      v2\n");
  EXPECT_EQ(run({"tenant", "add", "vision", "-o", "json"}), 0);
  EXPECT_EQ(base::parse_json(out_, "out").at("name"), "vision");
  EXPECT_EQ(run({"-o", "yaml", "model", "list", "--state", "running", "-s", "deployed"}), 0);
  EXPECT_NE(out_.find("- id: 1\n"), std::string::npos) << out_;
  EXPECT_EQ(run({"m", "s", "7"}), 0);
  EXPECT_NE(out_.find("id                 7\n"), std::string::npos) << out_;
  EXPECT_EQ(run({"model", "rm", "7"}), 0);
  EXPECT_EQ(out_, "freed  1.0 kB\n");
}

TEST_F(CommandLine, explains_errors) {
  EXPECT_EQ(run({"model", "show", "404"}), 5);
  EXPECT_EQ(err_, "ncloud: there is no model 404\n");
  EXPECT_EQ(run({"modle", "ls"}), 2);
  EXPECT_EQ(err_, "ncloud: unknown command 'modle'; did you mean 'model'?; see ncloud --help\n");
  EXPECT_EQ(run({"model", "trian"}), 2);
  EXPECT_NE(err_.find("did you mean 'train'"), std::string::npos) << err_;
  EXPECT_EQ(run({"model", "show", "seven"}), 2);
  EXPECT_NE(err_.find("whole number"), std::string::npos) << err_;
  EXPECT_EQ(run({"model", "show"}), 2);
  EXPECT_EQ(run({"model", "show", "1", "--wrong"}), 2);
  EXPECT_EQ(run({"info", "-o", "xml"}), 2);
  EXPECT_NE(err_.find("output: unknown value 'xml'"), std::string::npos) << err_;
  EXPECT_EQ(run({"follow", "1"}), 2);
  EXPECT_NE(err_.find("did you mean 'model follow'"), std::string::npos) << err_;
  EXPECT_EQ(run({"model", "ls"}), 0);
  EXPECT_EQ(err_, "none yet\n");
  ::setenv("NCLOUD_TOKEN", "wrong", 1);
  EXPECT_EQ(run({"whoami"}), 3);
  EXPECT_NE(err_.find("ncloud configure"), std::string::npos) << err_;
  EXPECT_EQ(run({"--host", "http://127.0.0.1:1", "info"}), 10);
  EXPECT_NE(err_.find("start it with `ncloudd`"), std::string::npos) << err_;
}

TEST_F(CommandLine, every_operation_has_its_command) {
  for (const api::OperationInfo* operation : api::operations()) {
    if (operation->command.empty()) continue;
    EXPECT_EQ(std::count_if(commands().begin(), commands().end(),
                            [&](const Command& c) { return c.words == operation->command; }),
              1)
        << operation->command;
  }
  for (const Command& command : commands()) {
    std::vector<const char*> words;
    std::string text = command.words;
    std::replace(text.begin(), text.end(), ' ', '\0');
    words.push_back(text.c_str());
    if (command.words.find(' ') != std::string::npos) words.push_back(text.c_str() + command.words.find(' ') + 1);
    words.push_back("--help");
    EXPECT_EQ(run(words), 0) << command.words;
    EXPECT_NE(out_.find(command.summary.substr(0, 20)), std::string::npos) << out_;
  }
}

TEST_F(CommandLine, uploads_and_goes_on) {
  const std::string manifest = file("train.tsv", "@FILE\tSTRING\na.bin\tx\nb.bin\ty\n");
  file("a.bin", "AAAA");
  file("b.bin", "BB");
  file("labels.txt", "x\ny\n");
  ASSERT_EQ(run({"dataset", "upload", manifest.c_str(), "--name", "tiny"}), 0) << err_;
  EXPECT_NE(err_.find("2 labels from"), std::string::npos) << err_;
  EXPECT_NE(out_.find("state             ready"), std::string::npos) << out_;
  EXPECT_EQ(datasets_.announced.types, (std::vector<std::string>{"FILE", "STRING"}));
  EXPECT_EQ(datasets_.announced.labels, (std::vector<std::string>{"x", "y"}));
  ASSERT_EQ(datasets_.shards.size(), 1u);
  const records::ShardReader shard(datasets_.shards.at(0), "shard");
  EXPECT_EQ(shard.record_count(), 2);
  EXPECT_EQ(shard.element(1, 0), "BB");
  EXPECT_EQ(datasets_.puts, 1);
  ASSERT_EQ(run({"dataset", "upload", manifest.c_str(), "--name", "tiny"}), 0) << err_;
  EXPECT_EQ(datasets_.puts, 1) << "the same shard is not sent again";
  EXPECT_NE(err_.find("2 files were already there"), std::string::npos) << err_;
}

// NCLOUD_MANIFEST=train.tsv ncloud_tests --gtest_also_run_disabled_tests --gtest_filter=*speed* shows files/s.
TEST_F(CommandLine, DISABLED_speed_of_an_upload) {
  const char* manifest = std::getenv("NCLOUD_MANIFEST");
  ASSERT_NE(manifest, nullptr);
  ASSERT_EQ(run({"dataset", "upload", manifest, "--name", "n"}), 0) << err_;
  fmt::print("{}", err_);
}

TEST_F(CommandLine, names_files_that_cannot_be_uploaded) {
  EXPECT_EQ(run({"dataset", "upload", "/nowhere/x.tsv", "--name", "n"}), 5);
  EXPECT_NE(err_.find("/nowhere/x.tsv"), std::string::npos);
  const std::string manifest = file("train.tsv", "@FILE\nmissing.bin\n");
  EXPECT_EQ(run({"dataset", "upload", manifest.c_str(), "--name", "n"}), 5);
  EXPECT_NE(err_.find("missing.bin"), std::string::npos) << err_;
}

TEST_F(CommandLine, trains_and_follows) {
  const std::string model = file("m.yaml", "layers: []\n");
  ASSERT_EQ(run({"train", model.c_str(), "--dataset", "a", "-d", "eval:b", "-o", "json"}), 0) << err_;
  const base::json::value answer = base::parse_json(out_, "out");
  EXPECT_EQ(answer.at("datasets").at(0).at("role"), "train");
  EXPECT_EQ(answer.at("datasets").at(1), (base::json::object{{"role", "eval"}, {"dataset", "b"}}));
  const std::string wrong = file("w.yaml", "type: Afine\n");
  EXPECT_EQ(run({"model", "train", wrong.c_str(), "--dataset", "a"}), 2);
  EXPECT_EQ(err_, "ncloud: unknown layer 'Afine'; did you mean 'Affine'? (m.yaml:3)\n");

  using api::TrainingEvent;
  server_.log.add(base::to_text(base::encode(
      TrainingEvent{.kind = api::TrainingEventKind::state, .at = "t", .state = api::ModelState::running})));
  server_.log.add(base::to_text(
      base::encode(TrainingEvent{.kind = api::TrainingEventKind::step, .at = "t", .epoch = 0, .batch = 3, .cost = 2})));
  server_.log.add(base::to_text(base::encode(TrainingEvent{.kind = api::TrainingEventKind::epoch,
                                                           .at = "t",
                                                           .epoch = 0,
                                                           .epochs = 2,
                                                           .cost = 0.5,
                                                           .seconds = 1.5,
                                                           .metrics = base::json::object{{"Accuracy", 0.875}}})));
  server_.log.add(base::to_text(
      base::encode(TrainingEvent{.kind = api::TrainingEventKind::log, .at = "t", .text = "bad \x1b[2J"})));
  server_.log.end();
  ASSERT_EQ(run({"model", "follow", "3"}), 0) << err_;
  EXPECT_NE(out_.find("running\nepoch 1/2  cost 0.5000  Accuracy 0.875  1.5 s\nbad \\x1b[2J\nmodel 3 is received"),
            std::string::npos)
      << out_;
  ASSERT_EQ(run({"model", "metrics", "3"}), 0) << err_;
  EXPECT_EQ(out_, "epoch  cost  Accuracy  seconds\n    1   0.5     0.875      1.5\n");
  ASSERT_EQ(run({"model", "logs", "3"}), 0) << err_;
  EXPECT_NE(out_.find("epoch 1 ended, cost 0.5000"), std::string::npos) << out_;
}

TEST_F(CommandLine, predicts) {
  const std::string input = file("bag.png", "bag");
  ASSERT_EQ(run({"predict", "3", input.c_str(), "-k", "4"}), 0) << err_;
  EXPECT_EQ(out_, "probability  index  label\n     1.0000      4  bag\n");
  ASSERT_EQ(run({"model", "predict", "3", input.c_str(), input.c_str()}), 0) << err_;
  EXPECT_NE(out_.find("file"), std::string::npos);
  const std::string missing = (folder_.path() / "missing.png").string();
  EXPECT_EQ(run({"predict", "3", input.c_str(), missing.c_str(), input.c_str()}), 5);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3) << out_;
  EXPECT_NE(err_.find("missing.png"), std::string::npos) << err_;
  EXPECT_EQ(run({"predict", "3", input.c_str(), "-o", "json"}), 0);
  EXPECT_EQ(base::parse_json(out_, "out").at(0).at("file"), base::json::value(input));
}

TEST_F(CommandLine, exports) {
  const std::string target = (folder_.path() / "m.safetensors").string();
  ASSERT_EQ(run({"model", "export", "3", "-f", target.c_str()}), 0) << err_;
  EXPECT_EQ(std::filesystem::file_size(target), 3'000'000u);
}

TEST_F(CommandLine, completes) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(run({"completion", shell}), 0);
    EXPECT_NE(out_.find("upload"), std::string::npos);
  }
  EXPECT_EQ(run({"completion", "tcsh"}), 2);
}

}  // namespace
}  // namespace ncloud

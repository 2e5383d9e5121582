#include "apps/ncloud/command_line.h"

#include <cstdlib>
#include <set>

#include "api/http/fake_server_test.h"
#include "apps/ncloud/command.h"
#include "base/files.h"
#include "base/sha256.h"
#include "records/shard.h"

namespace ncloud {
namespace {

/// Keeps the shards that arrive, and models whose states change after some looks at them.
struct FakeCloud {
  std::mutex mutex;  // of all that handlers change; a test looks when they are done
  api::CreateDataset announced;
  std::map<std::int64_t, std::string> shards;
  int puts = 0;
  std::map<std::int64_t, api::ModelState> states;
  std::map<std::int64_t, int> looks_until;  // what was asked for is done
  api::ResumeModel resumed;

  api::Model look_at(std::int64_t id) {
    using enum api::ModelState;
    api::ModelState& state = states[id];
    bool stopping = state == running && looks_until.contains(id);
    if (looks_until.contains(id) && --looks_until[id] <= 0) {
      state = stopping ? stopped : state == deploying ? deployed : completed;
      stopping = false;
      looks_until.erase(id);
    }
    return {.id = id, .name = "m", .state = state, .stop_requested = stopping};
  }

  void add_handlers(api::Router& router) {
    router.handle(api::create_dataset, [this](const api::Call&, const api::CreateDataset& request) {
      if (request.name == "taken") throw base::Error(base::Code::conflict, "there is a dataset 'taken' already");
      const std::lock_guard lock(mutex);
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
      const std::lock_guard lock(mutex);
      return api::Dataset{
          .id = 5, .name = announced.name, .state = api::DatasetState::ready, .record_count = announced.record_count};
    });
    router.handle(api::train_model, [](const api::Call&, const api::TrainModel& request) {
      if (request.yaml.find("Afine") != std::string::npos)
        throw base::Error(base::Code::invalid_argument, "unknown layer 'Afine'; did you mean 'Affine'? (m.yaml:3)");
      return api::Model{.id = 3, .name = request.name, .datasets = request.datasets};
    });
    router.handle(api::delete_model, [](const api::Call&, const api::ModelRef& request) {
      if (request.model.text() == "8") throw base::Error(base::Code::conflict, "model 8 is running");
      return api::Deleted{.freed_bytes = 1000, .note = request.model.text() == "10" ? "model 11 goes on" : ""};
    });
    router.handle(api::get_model, [this](const api::Call&, const api::ModelRef& request) {
      const std::lock_guard lock(mutex);
      if (request.model.text() == "404") throw base::Error(base::Code::not_found, "there is no model 404");
      return look_at(request.model.number().value_or(7));
    });
    router.handle(api::stop_model, [this](const api::Call&, const api::StopModel& request) {
      const std::lock_guard lock(mutex);
      const std::int64_t id = request.model.number().value_or(7);
      if (states[id] != api::ModelState::running) throw base::Error(base::Code::conflict, "there is nothing to stop");
      looks_until[id] = 2;
      return api::Model{.id = id, .name = "m", .state = states[id], .stop_requested = true};
    });
    router.handle(api::resume_model, [this](const api::Call&, const api::ResumeModel& request) {
      const std::lock_guard lock(mutex);
      resumed = request;
      if (states[7] != api::ModelState::stopped) throw base::Error(base::Code::conflict, "it is stopping");
      return api::Model{.id = 7, .name = "m", .state = states[7] = api::ModelState::running};
    });
    router.handle(api::deploy_model, [this](const api::Call&, const api::DeployModel&) {
      const std::lock_guard lock(mutex);
      if (states[7] != api::ModelState::completed) throw base::Error(base::Code::conflict, "it is undeploying");
      looks_until[7] = 2;
      return api::Model{.id = 7, .name = "m", .state = states[7] = api::ModelState::deploying};
    });
    router.handle(api::undeploy_model, [this](const api::Call&, const api::UndeployModel&) {
      const std::lock_guard lock(mutex);
      looks_until[7] = 2;
      return api::Model{.id = 7, .name = "m", .state = states[7] = api::ModelState::undeploying};
    });
    router.handle(api::list_datasets, [](const api::Call&, const api::PageRequest&) {
      return api::Page<api::Dataset>{.items = {{.id = 1, .name = "fashion"}, {.id = 2, .name = "fashion_test"}}};
    });
    router.handle(api::get_model_file,
                  [](const api::Call&, const api::ModelRef&) { return api::Bytes{.content = "layers: []\n"}; });
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
    const std::lock_guard lock(datasets_.mutex);  // what the server's threads did is seen from here on
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
  FakeCloud datasets_;
  api::FakeServer server_;
  std::string out_, err_;
};

TEST_F(CommandLine, runs_commands_of_the_contract) {
  EXPECT_EQ(run({"info"}), 0);
  EXPECT_EQ(out_, "name            ncloud\nversion         test\napi             v2\nsandbox         yes\n");
  EXPECT_EQ(run({"tenant", "add", "vision", "-o", "json"}), 0);
  EXPECT_EQ(base::parse_json(out_, "out").at("name"), "vision");
  EXPECT_EQ(run({"-o", "yaml", "model", "list", "--state", "running", "-s", "deployed"}), 0);
  EXPECT_NE(out_.find("- id: 1\n"), std::string::npos) << out_;
  EXPECT_EQ(run({"m", "s", "7"}), 0);
  EXPECT_NE(out_.find("id                 7\n"), std::string::npos) << out_;
  EXPECT_EQ(run({"model", "rm", "7"}), 0);
  EXPECT_EQ(out_, "model 7 removed, 1000 B freed\n");
  EXPECT_EQ(run({"model", "rm", "7", "8", "9"}), 6);
  EXPECT_EQ(out_, "model 7 removed, 1000 B freed\nmodel 9 removed, 1000 B freed\n");
  EXPECT_NE(err_.find("model 8 is running"), std::string::npos) << err_;
  EXPECT_EQ(run({"model", "rm", "10"}), 0);
  EXPECT_EQ(out_, "model 10 removed, 1000 B freed; model 11 goes on\n");
  EXPECT_EQ(run({"model", "show", "m", "--file"}), 0);
  EXPECT_EQ(out_, "layers: []\n");
}

TEST_F(CommandLine, waits_for_what_it_asks_for) {
  using enum api::ModelState;
  datasets_.states[7] = running;
  ASSERT_EQ(run({"model", "stop", "7"}), 0) << err_;
  EXPECT_EQ(out_, "model 7 (m) is stopped: 0 of 0 epochs completed\n");
  ASSERT_EQ(run({"model", "resume", "m", "--cpus", "2", "-e", "9"}), 0) << err_;
  EXPECT_EQ(out_, "model 7 (m) goes on: it is running\n");
  EXPECT_EQ(datasets_.resumed.cpus, 2);
  EXPECT_EQ(datasets_.resumed.epochs, 9);
  ASSERT_EQ(run({"model", "stop", "7", "--no-wait"}), 0) << err_;
  EXPECT_EQ(out_, "model 7 (m) is stopping\n");
  EXPECT_EQ(run({"model", "resume", "7"}), 0) << "it waits for the stop: " << err_;

  datasets_.states[7] = completed;
  ASSERT_EQ(run({"model", "deploy", "7"}), 0) << err_;
  EXPECT_EQ(out_, "model 7 (m) is deployed\n");
  ASSERT_EQ(run({"model", "undeploy", "7", "--no-wait"}), 0) << err_;
  EXPECT_EQ(out_, "model 7 (m) is undeploying\n");
  ASSERT_EQ(run({"model", "deploy", "7"}), 0) << "it waits for the undeployment: " << err_;
  ASSERT_EQ(run({"model", "undeploy", "7"}), 0) << err_;
  EXPECT_EQ(out_, "model 7 (m) is not deployed any more; it is completed\n");
}

TEST_F(CommandLine, does_what_it_can_for_several_models) {
  datasets_.states = {{1, api::ModelState::running}, {2, api::ModelState::stopped}, {3, api::ModelState::running}};
  EXPECT_EQ(run({"model", "stop", "1", "2", "3"}), 6);
  EXPECT_EQ(out_, "model 1 (m) is stopped: 0 of 0 epochs completed\nmodel 3 (m) is stopped: 0 of 0 epochs completed\n");
  EXPECT_NE(err_.find("there is nothing to stop"), std::string::npos) << err_;
}

TEST_F(CommandLine, explains_errors) {
  EXPECT_EQ(run({"model", "show", "404"}), 5);
  EXPECT_EQ(err_, "ncloud: there is no model 404\n");
  EXPECT_EQ(run({"modle", "ls"}), 2);
  EXPECT_EQ(err_, "ncloud: unknown command 'modle'; did you mean 'model'?; see: ncloud --help\n");
  EXPECT_EQ(run({"model", "trian"}), 2);
  EXPECT_NE(err_.find("did you mean 'train'"), std::string::npos) << err_;
  EXPECT_EQ(run({"token", "revoke", "seven"}), 2);
  EXPECT_NE(err_.find("whole number"), std::string::npos) << err_;
  EXPECT_EQ(run({"model", "show"}), 2);
  EXPECT_EQ(run({"model", "show", "1", "--wrong"}), 2);
  EXPECT_EQ(run({"info", "-o", "xml"}), 2);
  EXPECT_NE(err_.find("output: unknown value 'xml'"), std::string::npos) << err_;
  EXPECT_EQ(run({"model", "ls"}), 0);
  EXPECT_EQ(err_, "no models in tenant t; you are admin\n");
  ::setenv("NCLOUD_TOKEN", "wrong", 1);
  EXPECT_EQ(run({"whoami"}), 3);
  EXPECT_NE(err_.find("ncloud configure"), std::string::npos) << err_;
  EXPECT_EQ(run({"--host", "http://127.0.0.1:1", "info"}), 10);
  EXPECT_NE(err_.find("start it with `ncloudd`"), std::string::npos) << err_;
}

TEST_F(CommandLine, habits_of_other_programs_lead_somewhere) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> slips{
      {{"get", "models"}, "ncloud model ls"},
      {{"get", "model", "3"}, "ncloud model show 3"},
      {{"describe", "model", "3"}, "ncloud model show 3"},
      {{"delete", "models", "3", "4"}, "ncloud model rm 3 4"},
      {{"delete", "dataset", "a b"}, "ncloud dataset rm 'a b'"},
      {{"ps"}, "ncloud model ls"},
      {{"kill", "3"}, "ncloud model stop 3"},
      {{"run", "m.yaml", "--dataset", "d"}, "ncloud model train m.yaml --dataset d"},
      {{"list", "datasets"}, "ncloud dataset ls"},
      {{"job", "list"}, "ncloud model ls"},
      {{"model", "delete", "3"}, "ncloud model rm 3"},
      {{"model", "describe", "3"}, "ncloud model show 3"},
      {{"create", "tenant", "x"}, "ncloud tenant add x"},
      {{"org", "create", "x"}, "ncloud tenant add x"},
      {{"dataset", "create", "x"}, "ncloud dataset upload x"},
      {{"upload", "m.tsv"}, "ncloud dataset upload m.tsv"},
      {{"push", "m.tsv"}, "ncloud dataset upload m.tsv"},
      {{"auth", "login"}, "ncloud login"},
      {{"me"}, "ncloud whoami"},
      {{"status"}, "ncloud info"},
  };
  for (const auto& [words, meant] : slips) {
    EXPECT_EQ(run(words), 2) << meant;
    EXPECT_NE(err_.find("did you mean: " + meant + "\n"), std::string::npos) << meant << ": " << err_;
  }
  EXPECT_EQ(run({"help", "model", "train"}), 0);
  EXPECT_NE(out_.find("--dataset"), std::string::npos) << out_;
  EXPECT_EQ(run({"model", "help", "train"}), 0);
  EXPECT_NE(out_.find("--dataset"), std::string::npos) << out_;
  for (const std::vector<const char*>& words :
       {std::vector{"help"}, {"model", "help"}, {"m", "help"}, {"help", "model"}})
    EXPECT_EQ(run(words), 0) << words.front() << ": " << err_;
  EXPECT_NE(out_.find("train"), std::string::npos) << out_;
  EXPECT_EQ(run({"help", "train"}), 0);
  EXPECT_NE(out_.find("--dataset"), std::string::npos) << out_;
  EXPECT_EQ(run({"version"}), 0);
  EXPECT_TRUE(out_.starts_with("ncloud ")) << out_;
  EXPECT_EQ(run({"login", "--help"}), 0);
  EXPECT_NE(out_.find("--password-stdin"), std::string::npos) << out_;
  EXPECT_EQ(run({"ls"}), 0) << "a verb alone is one of model: " << err_;
  EXPECT_EQ(run({"models", "list"}), 0) << err_;
  EXPECT_EQ(run({"show", "7"}), 0) << err_;
}

TEST_F(CommandLine, unknown_options_say_where_they_belong) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> wrong{
      {{"train", "m.yaml", "--learning-rate", "0.01", "-d", "a"},
       "model train has no option --learning-rate; it belongs into the model file"},
      {{"train", "m.yaml", "--datasets", "a"}, "no option --datasets; did you mean --dataset?"},
      {{"train", "m.yaml", "--batch", "a"}, "no option --batch; did you mean --batch-size?"},
      {{"train", "m.yaml", "--gpus=1"}, "this server hands out CPUs (--cpus)"},
      {{"model", "ls", "--json"}, "-o json"},
      {{"model", "show", "1", "--follow"}, "it is one of: ncloud model "},
      {{"model", "stop", "1", "--memroy", "1GiB"}, "no option --memroy"},
      {{"model", "ls", "-x"}, "no option -x; see: ncloud model ls --help"},
      {{"--tokn", "info"}, "info has no option --tokn; see: ncloud info --help"},
      {{"--tokn"}, "ncloud has no option --tokn"},
  };
  for (const auto& [words, text] : wrong) {
    EXPECT_EQ(run(words), 2) << text;
    EXPECT_NE(err_.find(text), std::string::npos) << text << ": " << err_;
  }
  EXPECT_EQ(run({"train", "m.yaml", "-d", "a", "--epochs"}), 2);
  EXPECT_NE(err_.find("--epochs needs a value; see: ncloud model train --help"), std::string::npos) << err_;
  EXPECT_EQ(run({"train", "m.yaml"}), 2);
  EXPECT_NE(err_.find("model train needs --dataset ("), std::string::npos) << err_;
  EXPECT_EQ(run({"model", "show"}), 2);
  EXPECT_NE(err_.find("model show needs model (its number or name)"), std::string::npos) << err_;
  EXPECT_EQ(run({"model", "show", "1", "2"}), 2);
  EXPECT_NE(err_.find("model show takes no '2'"), std::string::npos) << err_;
}

TEST_F(CommandLine, every_field_of_a_request_can_be_given) {
  // What a command makes of its files, or always does.
  const std::set<std::string> implied{"filename", "yaml", "datasets", "volumes", "follow", "password", "current"};
  for (const api::OperationInfo* operation : api::operations()) {
    if (operation->command.empty()) continue;
    const auto command = std::find_if(commands().begin(), commands().end(),
                                      [&](const Command& c) { return c.words == operation->command; });
    ASSERT_NE(command, commands().end()) << operation->command;
    for (const api::Argument& field : operation->request_arguments()) {
      if (implied.contains(std::string(field.name))) continue;
      const auto argument = std::find_if(command->arguments.begin(), command->arguments.end(),
                                         [&](const api::Argument& a) { return a.name == field.name; });
      ASSERT_NE(argument, command->arguments.end()) << operation->command << " lost " << field.name;
      const auto bound = [](const api::Argument& a, const char* name) {
        const auto* value = a.schema.if_contains(name);
        return value == nullptr ? base::json::value() : *value;
      };
      if (argument->is_list()) continue;
      for (const char* name : {"minimum", "maximum", "default"}) {
        if (argument->is_flag()) continue;  // commands wait unless told otherwise
        EXPECT_EQ(bound(*argument, name), bound(field, name)) << operation->command << " " << field.name << " " << name;
      }
    }
  }
}

TEST_F(CommandLine, what_is_said_when_it_is_done_names_fields_that_are_there) {
  for (const api::OperationInfo* operation : api::operations()) {
    const base::json::object answer = operation->response_schema ? operation->response_schema() : base::json::object();
    const base::json::value* fields = answer.if_contains("properties");
    const std::vector<api::Argument> request = operation->request_arguments();
    std::string_view text = operation->done;
    for (auto open = text.find('{'); open != std::string_view::npos; open = text.find('{')) {
      const std::string_view name = text.substr(open + 1, text.find('}') - open - 1);
      EXPECT_TRUE((fields != nullptr && fields->as_object().contains(name)) ||
                  std::any_of(request.begin(), request.end(), [&](const api::Argument& a) { return a.name == name; }))
          << operation->name << ": " << name;
      text.remove_prefix(text.find('}') + 1);
    }
  }
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
    for (const char* option : {"--output", "--profile", "--host"})
      EXPECT_NE(out_.find(option), std::string::npos) << command.words;
  }
}

TEST_F(CommandLine, uploads_and_goes_on) {
  const std::string manifest = file("train.tsv", "@FILE\tSTRING\na.bin\t0\nb.bin\t1\n");
  file("a.bin", "AAAA");
  file("b.bin", "BB");
  file("labels.txt", "x\ny\n");
  EXPECT_EQ(run({"dataset", "upload", manifest.c_str(), "--name", "taken"}), 6);
  EXPECT_EQ(err_, "ncloud: there is a dataset 'taken' already\n") << "nothing is told of what was not begun";
  ASSERT_EQ(run({"dataset", "upload", manifest.c_str(), "--name", "tiny"}), 0) << err_;
  EXPECT_NE(err_.find("2 labels from"), std::string::npos) << err_;
  EXPECT_TRUE(out_.starts_with("dataset 5 (tiny) is ready: 2 records")) << out_;
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
  EXPECT_NE(out_.find("running\nepoch 1/2  cost 0.5000  Accuracy 0.875  1.5 s\nbad \\x1b[2J\nmodel 3 (m) is received"),
            std::string::npos)
      << out_;
  ASSERT_EQ(run({"model", "metrics", "3"}), 0) << err_;
  EXPECT_EQ(out_, "epoch  cost  Accuracy  seconds\n    1   0.5     0.875      1.5\n");
  ASSERT_EQ(run({"model", "logs", "3"}), 0) << err_;
  EXPECT_NE(out_.find("epoch 1 ended, cost 0.5000"), std::string::npos) << out_;
}

TEST_F(CommandLine, says_what_a_file_is_that_is_no_model_file) {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> files{
      {"\x02\0\0\0\0\0\0\0{}"s, "a checkpoint (safetensors), not a model file"},
      {"\x89PNG\r\n", "a PNG picture"},
      {"\xff\xfel\0a\0"s, "text in UTF-16"},
      {"layers: caf\xe9\n", ":1: byte 0xE9 is not UTF-8; save the file as UTF-8"},
      {"layers: \0"s, ":1: a NUL byte; expected text in UTF-8"},
  };
  for (const auto& [content, text] : files) {
    EXPECT_EQ(run({"train", file("m", content).c_str(), "-d", "a"}), 2) << text;
    EXPECT_NE(err_.find(text), std::string::npos) << err_;
  }
  EXPECT_EQ(run({"train", file("m", "layers: [] # café 日本\n").c_str(), "-d", "a"}), 0) << err_;
  EXPECT_EQ(run({"train", folder_.path().c_str(), "-d", "a"}), 2) << err_;
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
    EXPECT_NE(out_.find("ncloud complete"), std::string::npos);
  }
  EXPECT_EQ(run({"completion", "tcsh"}), 2);

  const auto possible = [&](std::vector<const char*> words) {
    words.insert(words.begin(), {"complete", "--"});
    EXPECT_EQ(run(words), 0) << err_;
    std::string found;
    for (std::size_t at = 0; at < out_.size(); at = out_.find('\n', at) + 1)
      found += (found.empty() ? "" : " ") + out_.substr(at, out_.find_first_of("\t\n", at) - at);
    return found;
  };
  EXPECT_EQ(possible({"mod"}), "model");
  EXPECT_EQ(possible({"model", "un"}), "undeploy");
  EXPECT_EQ(possible({"model", "train", "m.yaml", "--b"}), "--batch-size");
  EXPECT_EQ(possible({"model", "train", ""}), ":files");
  EXPECT_EQ(possible({"-o", ""}), "table json yaml");
  EXPECT_EQ(possible({"model", "ls", "-s", "run"}), "running");
  EXPECT_EQ(possible({"model", "stop", ""}), "1 1");
  EXPECT_EQ(possible({"stop", "1", ""}), "1 1") << "several may be given";
  EXPECT_EQ(possible({"--profile", "x", "dataset", "rm", "f"}), "") << "no such profile";
  EXPECT_EQ(possible({"dataset", "rm", "f"}), "fashion fashion_test");
  EXPECT_EQ(possible({"train", "m.yaml", "-d", "eval:fashion_"}), "eval:fashion_test");
  EXPECT_EQ(possible({"train", "m.yaml", "-d", "eval", ":", "fashion_"}), "fashion_test") << "as bash splits it";
  ::setenv("NCLOUD_HOST", "http://127.0.0.1:1", 1);
  EXPECT_EQ(possible({"model", "stop", ""}), "");
}

}  // namespace
}  // namespace ncloud

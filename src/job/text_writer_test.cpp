// Models that write texts, from the model file to the answers of a server.
#include "job/text_writer.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "job/samples.h"
#include "job/serve.h"
#include "neon/predictor.h"
#include "wire/frames.h"

namespace job {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kModel = R"(
layers:
  - {type: SequenceLengths}
  - type: Seq2Seq
    config:
      layers:
        - - {type: LookupTable, config: {vocab_size: 4, embedding_dim: 8, init: {type: Gaussian, config: {scale: 0.5}}}}
          - {type: GRU, config: {output_size: 24, init: GlorotUniform, activation: Tanh, gate_activation: Logistic}}
        - - {type: LookupTable, config: {vocab_size: 5, embedding_dim: 8, init: {type: Gaussian, config: {scale: 0.5}}}}
          - {type: GRU, config: {output_size: 24, init: GlorotUniform, activation: Tanh, gate_activation: Logistic}}
          - {type: Affine, config: {nout: 5, init: GlorotUniform, bias: {type: Constant}, activation: Softmax}}
cost: {type: GeneralizedCostMask, config: {costfunc: CrossEntropyMulti}}
optimizer: {type: Adam, config: {learning_rate: 0.01}}
epochs: 400
batchsize: 12
dataset:
  train: train.tsv
  etl:
    - {type: text, name: read, max_length: 4, vocabulary: [a, b, c, <pad>], padding: <pad>, emit_length: true}
    - {type: text, name: written, max_length: 5, vocabulary: [<s>, </s>, a, b, c], start: <s>, end: </s>, next: true, emit_mask: true}
)";

/// The model, taught to write what it reads backwards.
class Backwards : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new base::TemporaryFolder("text-writer-test");
    std::string manifest = "@STRING\tSTRING\n";
    const std::vector<std::string> letters{"a", "b", "c"};
    for (const std::string& x : letters)
      for (const std::string& y : letters) {
        manifest += fmt::format("{0} {1}\t{1} {0}\n", x, y);
        for (const std::string& z : letters) manifest += fmt::format("{0} {1} {2}\t{2} {1} {0}\n", x, y, z);
      }
    base::write_file_atomically(folder_->path() / "train.tsv", manifest);
    Training training;
    training.spec = neon::parse_model(kModel, "model.yaml");
    training.section = dataset_section(training.spec);
    training.data = open_files(training.section, folder_->path());
    training.save = [](const neon::Checkpoint& checkpoint) { write_checkpoint(checkpoint, file()); };
    training.checkpoint_every = 0;
    const std::atomic<bool> stop{false};
    ASSERT_EQ(train(training, [](const wire::Event&) {}, stop), wire::Outcome::completed);
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::filesystem::path file() { return folder_->path() / "model.safetensors"; }

 private:
  static inline base::TemporaryFolder* folder_ = nullptr;
};

TEST_F(Backwards, IsWrittenAsALoopOfPredictionsWouldWriteIt) {
  const neon::Checkpoint checkpoint = neon::read_checkpoint(file());
  aeon::Preprocessor preprocessor(loader_config_of(checkpoint.preprocessing));
  TextWriter writer(checkpoint, preprocessor, 1);
  EXPECT_EQ(preprocessor.names()[writer.told_name()], "written");
  EXPECT_EQ(writer.trained_steps(), 5);
  neon::Predictor predictor(checkpoint, {.max_batch = 1, .threads = 1, .inputs = preprocessor.inputs()});
  Samples samples(preprocessor, 1);
  for (const auto& [read, backwards] :
       {std::pair{"a b", "b a"}, std::pair{"c a b", "b a c"}, std::pair{"b b c", "c b b"}}) {
    samples.write(0, std::vector<std::string_view>{read, {}});
    for (const std::int64_t beams : {1, 3}) {
      const auto written = writer.write(samples.data(), "", {.num_beams = beams, .steps = 5});
      EXPECT_EQ(writer.text_of(written.front()), backwards);
      EXPECT_TRUE(written.front().ended);
      EXPECT_GT(written.front().log_probability, std::log(0.5));
    }
    // Telling the predictor what came so far gives the next word.
    std::string so_far;
    for (int step = 0; step < 3; ++step) {
      samples.write(0, std::vector<std::string_view>{read, so_far});
      predictor.predict(samples.data(), 1);
      const auto best = predictor.answers(0, 1).front().steps[static_cast<std::size_t>(step)][0];
      if (best.label == "</s>") break;
      so_far += (so_far.empty() ? "" : " ") + best.label;
    }
    EXPECT_EQ(so_far, backwards);
  }
}

TEST_F(Backwards, IsServed) {
  const base::TemporaryFolder folder("text-writer-socket");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path = folder.path() / "socket";
  std::copy(path.begin(), path.end(), address.sun_path);
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  const base::Fd listener(::socket(AF_UNIX, SOCK_STREAM, 0)), client(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::bind(listener.get(), where, sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::connect(client.get(), where, sizeof address), 0);
  std::thread server([&] {
    wire::ServeJob job;
    job.checkpoint = file().string();
    job.max_batch = 4;
    job.threads = 1;
    EXPECT_THROW(serve(job, listener.get(), [](const wire::Event&) {}), base::Error);  // when nobody can connect
  });
  wire::FrameReader reader;
  const auto answer = [&](std::string_view body) {
    wire::send_all(client.get(), wire::request_frame(7, 1, body));
    for (;;) {
      if (const auto payload = reader.next()) return base::parse_json(wire::parse_answer(*payload).json, "answer");
      if (!reader.fill(client.get())) return base::json::value();
    }
  };
  const auto labels = [&](std::string_view body) {
    std::string text;
    std::int64_t step = 0;
    const auto told = answer(body);
    for (const auto& row : told.at("predictions").as_array()) {
      EXPECT_EQ(row.at("step").to_number<std::int64_t>(), step++);
      text += std::string(row.at("label").as_string()) + ' ';
    }
    return text;
  };
  EXPECT_EQ(labels(R"({"read": "c a b"})"), "b a c ");
  EXPECT_EQ(labels(R"({"read": "a b"})"), "b a ");
  // With all inputs it says what comes after each of them, as before.
  EXPECT_THAT(labels(R"({"read": "c a b", "written": "b a c"})"), StartsWith("b a c </s> "));
  EXPECT_THAT(base::to_text(answer(R"({"written": "b a"})")), HasSubstr("input 'read' is missing"));
  ::shutdown(listener.get(), SHUT_RDWR);
  ::shutdown(client.get(), SHUT_RDWR);
  server.join();
}

TEST(TextWriter, SaysWhyAModelWritesNone) {
  neon::Checkpoint checkpoint;
  checkpoint.spec = neon::parse_model(R"(
layers:
  - {type: GRU, config: {output_size: 3, init: GlorotUniform, activation: Tanh, gate_activation: Logistic}}
  - {type: Affine, config: {nout: 2, init: GlorotUniform, activation: Softmax}}
cost: CrossEntropyMulti
optimizer: {type: Adam}
epochs: 1
dataset:
  etl:
    - {type: blob, shape: [2, 3]}
    - {type: label}
)",
                                      "model.yaml");
  checkpoint.inputs = {{"", {2, 3}}};
  const aeon::Preprocessor preprocessor(dataset_section(checkpoint.spec).loader);
  try {
    const TextWriter writer(checkpoint, preprocessor, 1);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message, HasSubstr("does not write texts: its input 'blob' is no column of type text"));
  }
  EXPECT_EQ(TextWriter::after_reading(checkpoint, preprocessor, 1), nullptr);
}

}  // namespace
}  // namespace job

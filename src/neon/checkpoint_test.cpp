#include "neon/checkpoint.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <fstream>

#include "base/files.h"
#include "base/sha256.h"
#include "neon/safetensors.h"

namespace neon {
namespace {

Checkpoint example() {
  Checkpoint c;
  c.spec.layers = {{"Linear", base::json::object{{"nout", 2}}, "/layers/0"}};
  c.spec.cost = {"SumSquared", {}, "/cost"};
  c.spec.optimizer = {"Adam", base::json::object{{"learning_rate", 0.01}}, "/optimizer"};
  c.spec.metric = {"Accuracy", {}, "/metric"};
  c.spec.batch_size = 32;
  c.spec.seed = std::numeric_limits<std::uint64_t>::max();
  c.inputs = {{"image", {3}}};
  c.preprocessing = {{"etl", base::json::array{"image \"1\""}}};
  c.labels = {"Hose", "Hemd – kurz"};
  c.position = {.epoch = 2,
                .batch = 17,
                .step = 1234,
                .seed = 99,
                .threads = 2,
                .epoch_cost_sum = 0.1 + 0.2,
                .epoch_cost_count = 17};
  c.parameters = {{"fc1/W", {2, 3}, {1, -2, 3.5f, 0, 1e-30f, 5}}, {"fc1/bias", {2}, {0.1f, 0.2f}}};
  c.optimizer_states = {{"fc1/W/0", {2, 3}, {6, 5, 4, 3, 2, 1}}, {"fc1/W/1", {2, 3}, {0, 0, 0, 0, 0, 0}}};
  c.provenance = {{"dataset", "sha256:0"}};
  return c;
}

void expect_equal(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].shape, b[i].shape);
    EXPECT_EQ(a[i].values, b[i].values);
  }
}

class CheckpointFile : public testing::Test {
 protected:
  base::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.ckpt";

  void put(std::string_view bytes) {
    std::filesystem::remove(path_);  // writing over a file waits for the disk
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  std::string written(const Checkpoint& checkpoint) {
    write_checkpoint(checkpoint, path_);
    return base::read_file(path_);
  }
  base::Code code_of_reading() {
    try {
      read_checkpoint(path_);
    } catch (const base::Error& error) {
      EXPECT_NE(error.message.find(path_.string()), std::string::npos) << error.message;
      return error.code;
    }
    ADD_FAILURE() << "was read";
    return base::Code::internal;
  }
  /// A file with this header and right checksum: what an attacker could make.
  std::string forged(std::string header, std::string_view data) {
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::string length(8, '\0');
    const std::uint64_t size = header.size();
    std::memcpy(length.data(), &size, 8);
    const std::string zeros(64, '0');
    const auto at = header.find(zeros);
    const std::string sum = base::sha256(length + header + std::string(data));
    if (at != std::string::npos) header.replace(at, 64, sum);
    return length + header + std::string(data);
  }
};

TEST_F(CheckpointFile, GivesBackWhatWasWritten) {
  const Checkpoint c = example();
  write_checkpoint(c, path_);
  const Checkpoint read = read_checkpoint(path_);
  EXPECT_EQ(read.spec.to_json(), c.spec.to_json());
  EXPECT_EQ(read.spec.layers[0].where, "/layers/0");
  EXPECT_EQ(read.inputs[0].name, "image");
  EXPECT_EQ(read.inputs[0].shape, c.inputs[0].shape);
  EXPECT_EQ(read.preprocessing, c.preprocessing);
  EXPECT_EQ(read.labels, c.labels);
  EXPECT_EQ(base::encode(read.position), base::encode(c.position));
  EXPECT_EQ(read.position.epoch_cost_sum, c.position.epoch_cost_sum);
  EXPECT_EQ(read.provenance, c.provenance);
  expect_equal(read.parameters, c.parameters);
  expect_equal(read.optimizer_states, c.optimizer_states);
}

TEST_F(CheckpointFile, RefusesToKeepWhatIsNotFinite) {
  const std::string before = written(example());
  for (const float value : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    Checkpoint weights = example(), states = example();
    weights.parameters[0].values[0] = value;
    states.optimizer_states[0].values.back() = value;
    EXPECT_THROW(write_checkpoint(weights, path_), base::Error);
    EXPECT_THROW(write_checkpoint(states, path_), base::Error);
  }
  EXPECT_EQ(base::read_file(path_), before);
}

TEST_F(CheckpointFile, SameContentGivesSameBytes) {
  const std::string first = written(example());
  EXPECT_EQ(written(read_checkpoint(path_)), first);
}

TEST_F(CheckpointFile, TruncationAtEveryByteIsDataLoss) {
  const std::string bytes = written(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    put(std::string_view(bytes).substr(0, size));
    ASSERT_EQ(code_of_reading(), base::Code::data_loss) << size;
  }
  put(bytes + '\0');
  EXPECT_EQ(code_of_reading(), base::Code::data_loss);
}

TEST_F(CheckpointFile, AFlippedBitInEveryByteIsDataLoss) {
  std::string bytes = written(example());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char bit = static_cast<char>(1 << i % 8);
    bytes[i] ^= bit;
    put(bytes);
    ASSERT_EQ(code_of_reading(), base::Code::data_loss) << i;
    bytes[i] ^= bit;
  }
}

TEST_F(CheckpointFile, ForgedHeadersAreRefused) {
  const std::string start = R"({"__metadata__":{"sha256":")" + std::string(64, '0') + '"';
  const std::string good = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  const std::vector<std::string> headers{
      R"({"a":{)" + good + "}}",                                              // no checksum
      start + R"(},"a":{"dtype":"F64","shape":[1],"data_offsets":[0,4]}})",   // other dtype
      start + R"(},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})",   // shape and bytes differ
      start + R"(},"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",  //
      start + R"(},"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})",      // overflow
      start + R"(},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",                          // hole
      start + R"(},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}})",       //
      start + R"(},"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}})",  // 4 TB
      start + R"(},"a":{)" + good + R"(},"a":{)" + good + "}}",                                      // repeated
      start + R"(},"a":{)" + good + R"(},"b":{)" + good + "}}",                                      // overlap
      start + R"(},"a":{)" + good + R"(,"x":1}})",                                                   // other things
      start + R"(,"format":1},"a":{)" + good + "}}",  // metadata is no string
      start + R"(},"a":[]})",
      start + R"(},)" + std::string(100, '['),
  };
  for (const std::string& header : headers) {
    put(forged(header, "abcd"));
    EXPECT_EQ(code_of_reading(), base::Code::data_loss) << header;
  }
  put(forged(start + R"(},"a":{)" + good + "}}", "abcd"));
  EXPECT_EQ(read_safetensors(path_).tensors.size(), 1u)
      << "the forger's good file shows that the others fail for their fault";
  EXPECT_EQ(code_of_reading(), base::Code::data_loss) << "and yet it is no checkpoint";
}

TEST_F(CheckpointFile, HugeHeaderLengthIsRefusedBeforeMemoryIsBooked) {
  put(std::string(8, '\xff') + "{}");
  EXPECT_EQ(code_of_reading(), base::Code::data_loss);
}

TEST_F(CheckpointFile, RefusesWhatItCouldNotReadBack) {
  Checkpoint c = example();
  c.parameters.push_back(c.parameters[0]);
  EXPECT_THROW(write_checkpoint(c, path_), base::Error);
  c = example();
  c.parameters[0].values.pop_back();
  EXPECT_THROW(write_checkpoint(c, path_), base::Error);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(CheckpointFile, AFailingDiskLeavesTheOldFileAndNoOther) {
  const std::string before = written(example());
  Checkpoint next = example();
  next.position.step += 1;
  for (const std::string_view failing : {"write", "fsync", "rename"}) {
    base::set_disk_fault(
        [failing](std::string_view operation, const auto&) { return operation == failing ? ENOSPC : 0; });
    EXPECT_THROW(write_checkpoint(next, path_), base::Error);
    base::set_disk_fault(nullptr);
    EXPECT_EQ(base::read_file(path_), before);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
  }
}

TEST_F(CheckpointFile, AMissingFileIsNotFound) {
  try {
    read_checkpoint(folder_.path() / "none");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::not_found);
  }
  EXPECT_THROW(read_checkpoint(folder_.path()), base::Error);
}

}  // namespace
}  // namespace neon

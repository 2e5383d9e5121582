#include "aeon/loader.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <set>

#include "aeon/png/write_for_test.h"
#include "aeon/preprocessor.h"
#include "base/error.h"
#include "base/files.h"

namespace aeon {
namespace {

using base::Error;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Records in memory: column 0 an image, column 1 a label.
class Images final : public records::RecordSource {
 public:
  std::vector<std::string> images, labels;

  std::int64_t record_count() const override { return static_cast<std::int64_t>(images.size()); }
  const std::vector<records::ElementType>& types() const override { return types_; }
  void read(std::int64_t index, records::Record& record) const override {
    const auto i = static_cast<std::size_t>(index);
    record.name = "r" + std::to_string(i);
    record.elements = {images[i], labels[i]};
  }
  void read_element(std::int64_t index, std::size_t /*column*/, records::Record& record) const override {
    read(index, record);
  }

 private:
  std::vector<records::ElementType> types_{records::ElementType::FILE, records::ElementType::STRING};
};

// Record i is a gray 6 × 5 image of pixels (i, 1, 2, ...) with label i % 10.
std::shared_ptr<Images> images(int count) {
  auto source = std::make_shared<Images>();
  for (int i = 0; i < count; ++i) {
    std::vector<std::uint8_t> pixels(30);
    for (std::size_t p = 0; p < pixels.size(); ++p)
      pixels[p] = static_cast<std::uint8_t>(p == 0 ? i : static_cast<int>(p));
    source->images.push_back(png_of(pixels, 5, 6, 1));
    source->labels.push_back(std::to_string(i % 10));
  }
  return source;
}

LoaderConfig config_of(std::string_view augmentation = "[]",
                       std::string_view image = R"("height": 5, "width": 6, "channels": 1)") {
  return base::decode<LoaderConfig>(
      base::parse_json(fmt::format(R"({{"etl": [{{"type": "image", {}}}, {{"type": "label"}}], "augmentation": {}}})",
                                   image, augmentation),
                       "config"));
}

constexpr std::string_view kRandom = R"([{"type": "image", "flip_enable": true, "scale": [0.5, 1], "center": false}])";

struct Copy {
  std::vector<float> input;
  std::vector<std::int32_t> target;
  std::int64_t count;
  bool operator==(const Copy&) const = default;
};

Copy copy_of(const tensor::Batch& batch) {
  const auto input = batch.input().as<float>();
  const auto target = batch.target().as<std::int32_t>();
  return {{input.begin(), input.end()}, {target.begin(), target.end()}, batch.count};
}

std::vector<Copy> epoch_of(Loader& loader, std::int64_t epoch, std::int64_t batch = 0) {
  loader.seek(epoch, batch);
  std::vector<Copy> copies;
  while (const tensor::Batch* next = loader.next()) copies.push_back(copy_of(*next));
  EXPECT_EQ(loader.next(), nullptr);
  return copies;
}

TEST(Loader, EvaluationGivesRecordsInOrderAndWraps) {
  Loader loader(config_of(), images(10), {.mode = Mode::evaluate, .batch_size = 4, .threads = 2});
  EXPECT_EQ(loader.info().inputs[0].shape, (tensor::Shape{1, 5, 6}));
  EXPECT_EQ(loader.info().record_count, 10);
  for (int epoch = 0; epoch < 2; ++epoch) {
    const auto batches = epoch_of(loader, 0);  // the same epoch again: evaluation after each training epoch
    ASSERT_EQ(batches.size(), 3u);
    EXPECT_EQ(batches[2].target, (std::vector<std::int32_t>{8, 9, 0, 1}));
    EXPECT_EQ(batches[2].count, 2);
    EXPECT_EQ(batches[0].count, 4);
    EXPECT_EQ(batches[1].input[0], 4);
    EXPECT_EQ(batches[1].input[29], 29);
  }
}

TEST(Loader, FewerRecordsThanABatch) {
  Loader loader(config_of(), images(3), {.mode = Mode::evaluate, .batch_size = 8});
  const auto batches = epoch_of(loader, 0);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].target, (std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0, 1}));
  EXPECT_EQ(batches[0].count, 3);
}

TEST(Loader, RowsOfStreamsGoOnFromBatchToBatch) {
  LoaderConfig config = config_of();
  config.streams = true;
  for (const Mode mode : {Mode::train, Mode::evaluate}) {
    Loader loader(config, images(14), {.mode = mode, .batch_size = 4, .threads = 2});
    EXPECT_TRUE(loader.info().streams);
    EXPECT_EQ(loader.info().record_count, 12);
    for (int epoch = 0; epoch < 2; ++epoch) {
      const auto batches = epoch_of(loader, epoch);
      ASSERT_EQ(batches.size(), 3u);
      for (std::size_t b = 0; b < 3; ++b) {
        EXPECT_EQ(batches[b].count, 4);
        for (std::size_t row = 0; row < 4; ++row)
          EXPECT_EQ(batches[b].input[row * 30], static_cast<float>(row * 3 + b));
      }
    }
    EXPECT_EQ(epoch_of(loader, 5, 2)[0].input[30], 5);
  }
  try {
    const Loader loader(config, images(3), {.batch_size = 4});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message, HasSubstr("there are 3 records and a batch_size of 4"));
  }
  config.shuffle_enable = true;
  EXPECT_THROW(check(config), Error);
}

TEST(Loader, BuffersAreAligned) {
  Loader loader(config_of(), images(3), {.batch_size = 3});
  const tensor::Batch* batch = loader.next();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(batch->input().data) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(batch->target().data) % 64, 0u);
}

TEST(Loader, EveryEpochIsAnotherOrderOfAllRecords) {
  Loader loader(config_of(), images(50), {.batch_size = 10, .seed = 3});
  std::vector<std::vector<float>> orders;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<float> order;
    for (const Copy& batch : epoch_of(loader, epoch))
      for (std::size_t row = 0; row < 10; ++row) order.push_back(batch.input[row * 30]);
    EXPECT_EQ(std::set<float>(order.begin(), order.end()).size(), 50u);
    orders.push_back(order);
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
}

TEST(Loader, ThreadsAndCacheChangeNothing) {
  std::vector<Copy> expected;
  for (const int threads : {1, 2, 4})
    for (const std::int64_t cache : {0, 400, 1'000'000}) {
      LoaderConfig config = config_of(kRandom);
      config.decoded_cache_bytes = cache;
      Loader loader(config, images(37), {.batch_size = 8, .seed = 5, .threads = threads});
      std::vector<Copy> batches = epoch_of(loader, 0);
      for (Copy& batch : epoch_of(loader, 1)) batches.push_back(std::move(batch));
      if (expected.empty()) expected = batches;
      EXPECT_EQ(batches, expected) << threads << " threads, cache of " << cache;
    }
}

TEST(Loader, PixelsOfARecordDependOnNoBatchSize) {
  const auto pixels_by_record = [](std::int64_t batch_size) {
    Loader loader(config_of(kRandom), images(24), {.batch_size = batch_size, .seed = 5});
    std::vector<std::vector<float>> rows;
    for (const Copy& batch : epoch_of(loader, 2))
      for (std::int64_t row = 0; row < batch.count; ++row)
        rows.emplace_back(batch.input.begin() + row * 30, batch.input.begin() + (row + 1) * 30);
    return rows;
  };
  EXPECT_EQ(pixels_by_record(5), pixels_by_record(24));
}

TEST(Loader, SeekGivesTheSameBatchesAsRunningThrough) {
  Loader straight(config_of(kRandom), images(37), {.batch_size = 4, .seed = 9, .threads = 2});
  epoch_of(straight, 0);
  const auto expected = epoch_of(straight, 1);
  for (const std::int64_t batch : {0, 1, 5, 9}) {
    Loader resumed(config_of(kRandom), images(37), {.batch_size = 4, .seed = 9, .threads = 2});
    resumed.next();
    const auto rest = epoch_of(resumed, 1, batch);
    EXPECT_EQ(rest, std::vector<Copy>(expected.begin() + batch, expected.end()));
  }
  EXPECT_THROW(straight.seek(0, 10), Error);
  EXPECT_THROW(straight.seek(-1, 0), Error);
}

TEST(Loader, EvaluationIsWhatThePreprocessorGives) {
  const LoaderConfig config = config_of(
      R"([{"type": "image", "flip_enable": true, "scale": [0.5, 1], "center": false, "mean": [0.25], "stddev": [0.5]}])",
      R"("height": 4, "width": 4, "channels": 1)");
  const auto source = images(6);
  Loader loader(config, source, {.mode = Mode::evaluate, .batch_size = 6});
  const Copy batch = copy_of(*loader.next());
  Preprocessor preprocessor(config);
  ASSERT_EQ(preprocessor.names(), std::vector<std::string>{"image"});
  ASSERT_EQ(preprocessor.inputs().size(), 1u);
  EXPECT_EQ(preprocessor.inputs()[0].shape, (tensor::Shape{1, 4, 4}));
  const auto write = [&](std::string_view image, std::vector<float>& sample) {
    std::byte* const destination = reinterpret_cast<std::byte*>(sample.data());
    preprocessor.write(std::span(&image, 1), std::span(&destination, 1));
  };
  for (std::size_t i = 0; i < 6; ++i) {
    std::vector<float> sample(16);
    write(source->images[i], sample);
    EXPECT_EQ(sample, std::vector<float>(batch.input.begin() + static_cast<std::ptrdiff_t>(i) * 16,
                                         batch.input.begin() + static_cast<std::ptrdiff_t>(i + 1) * 16));
  }
  std::vector<float> sample(16);
  EXPECT_THROW(write("no image", sample), Error);
}

TEST(Loader, EightBitOutput) {
  Loader loader(config_of("[]", R"("height": 5, "width": 6, "channels": 1, "output_type": "uint8_t")"), images(4),
                {.mode = Mode::evaluate, .batch_size = 4});
  const tensor::Batch* batch = loader.next();
  ASSERT_EQ(batch->input().dtype, tensor::Dtype::u8);
  EXPECT_EQ(batch->input().as<std::uint8_t>()[30], 1);
}

std::string error_of_next(Loader& loader) {
  try {
    loader.next();
  } catch (const Error& error) {
    return error.message;
  }
  return "no error";
}

TEST(Loader, ABadRecordIsNamedByTheBatchThatHoldsIt) {
  const auto source = images(12);
  source->images[9] = source->images[9].substr(0, 40);
  source->images[10] = "text";
  Loader loader(config_of(), source, {.mode = Mode::evaluate, .batch_size = 4, .threads = 3});
  EXPECT_NE(loader.next(), nullptr);
  EXPECT_NE(loader.next(), nullptr);
  EXPECT_THAT(error_of_next(loader), HasSubstr("r9: not a valid PNG: "));
  EXPECT_THAT(error_of_next(loader), HasSubstr("r9: not a valid PNG: "));
  loader.seek(0, 0);
  EXPECT_NE(loader.next(), nullptr);
}

// What is wrong with the labels of a loader's records: in evaluation it is found before anything is decoded.
std::string error_of_labels(const LoaderConfig& config, const std::shared_ptr<Images>& source, LoaderOptions options) {
  try {
    Loader loader(config, source, std::move(options));
    loader.seek(0, 0);
    return error_of_next(loader);
  } catch (const Error& error) {
    return error.message;
  }
}

TEST(Loader, BadLabelsAreNamed) {
  for (const auto& [text, reason] :
       {std::pair{"x", "a whole number from 0"}, std::pair{"1 ", "got '1 '"}, std::pair{"", "got ''"},
        std::pair{"-1", "at least 0"}, std::pair{"3000000000", "a whole number from 0"},
        std::pair{"3", "label 3 is out of range: there are 2 classes, counted from 0, so the highest is 1"}})
    for (const Mode mode : {Mode::train, Mode::evaluate})
      for (const bool named : {true, false}) {
        const auto source = images(2);
        source->labels[1] = text;
        LoaderOptions options{.mode = mode, .batch_size = 2, .index_limits = {named ? 10 : 2}};
        if (named) options.labels = {"a", "b"};
        EXPECT_THAT(error_of_labels(config_of(), source, options), AllOf(HasSubstr("r1: label"), HasSubstr(reason)));
      }
}

TEST(Loader, BinaryLabels) {
  const auto source = images(2);
  source->labels = {std::string("\x02\x01\0\0", 4), std::string("\x01\0\0\0", 4)};
  LoaderConfig config = config_of();
  config.etl[1].config["binary"] = true;
  Loader loader(config, source, {.mode = Mode::evaluate, .batch_size = 1});
  EXPECT_EQ(copy_of(*loader.next()).target[0], 258);
  source->labels[1] = "\x01";
  EXPECT_THAT(error_of_labels(config, source, {.mode = Mode::evaluate, .batch_size = 1}),
              HasSubstr("r1: a binary label has 4 bytes, got 1"));
}

// Memory decides how much is made ahead and kept, never what comes out.
TEST(Loader, LittleMemoryGivesTheSameBatches) {
  const std::int64_t batch_bytes = 4 * (30 * 4 + 4);
  Loader plenty(config_of(kRandom), images(10), {.batch_size = 4, .seed = 3});
  for (const std::int64_t memory : {std::int64_t{0}, batch_bytes, 2 * batch_bytes, 3 * batch_bytes}) {
    Loader little(config_of(kRandom), images(10), {.batch_size = 4, .seed = 3, .threads = 2, .memory_bytes = memory});
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      plenty.seek(epoch, 0);
      little.seek(epoch, 0);
      while (const tensor::Batch* batch = plenty.next()) {
        const tensor::Batch* other = little.next();
        ASSERT_NE(other, nullptr);
        EXPECT_EQ(copy_of(*batch).input, copy_of(*other).input) << memory;
        EXPECT_EQ(copy_of(*batch).target, copy_of(*other).target) << memory;
      }
      EXPECT_EQ(little.next(), nullptr);
    }
  }
}

TEST(Loader, DecodingWaitsForItsMemoryAndRefusesWhatNeverFits) {
  const auto source = images(1);
  const std::vector<std::uint8_t> large(std::size_t{2200} * 2000);
  for (int i = 0; i < 3; ++i) {
    source->images.push_back(png_of(large, 2000, 2200, 1));
    source->labels.push_back("0");
  }
  const auto decoding = std::make_shared<SharedMemory>(5 << 20);  // one of them at a time
  LoaderOptions options{.mode = Mode::evaluate, .batch_size = 4, .threads = 3};
  options.decoding = decoding;
  const auto config = config_of(R"([{"type": "image", "crop_enable": true}])");
  Loader loader(config, source, options);
  EXPECT_NE(loader.next(), nullptr);
  options.decoding = std::make_shared<SharedMemory>(4 << 20);
  Loader refused(config, source, options);
  EXPECT_THAT(error_of_next(refused),
              HasSubstr("r1: decoding it takes 4.196 MiB of memory, and there are 4 MiB for that"));
}

TEST(Loader, ErrorsOfCachedRecordsKeepTheirName) {
  const auto source = images(2);
  const LoaderConfig config =
      config_of(R"([{"type": "image", "crop_enable": false}])", R"("height": 5, "width": 5, "channels": 1)");
  Loader loader(config, source, {.mode = Mode::evaluate, .batch_size = 1});
  EXPECT_THAT(error_of_next(loader), HasSubstr("r0: the image is 6 wide and 5 high"));
  loader.seek(0, 1);
  loader.seek(0, 0);
  EXPECT_THAT(error_of_next(loader), HasSubstr("r0: the image is 6 wide and 5 high"));
}

TEST(Loader, FilesThatAreMissingOrDamagedAreNamedWithTheirLine) {
  const base::TemporaryFolder folder;
  const auto source = images(3);
  base::write_file_atomically(folder.path() / "0.png", source->images[0]);
  std::string damaged = source->images[1];
  damaged[damaged.find("IDAT") + 9] ^= 1;
  base::write_file_atomically(folder.path() / "1.png", damaged);
  const auto manifest =
      records::parse_manifest("@FILE\tSTRING\n0.png\t0\n1.png\t1\n2.png\t2\n", folder.path() / "train.tsv");
  Loader loader(config_of(), records::open_manifest(manifest, {}), {.mode = Mode::evaluate, .batch_size = 1});
  EXPECT_NE(loader.next(), nullptr);
  EXPECT_THAT(error_of_next(loader), HasSubstr("1.png (train.tsv:3): not a valid PNG: IDAT: "));
  loader.seek(0, 2);
  EXPECT_THAT(error_of_next(loader), HasSubstr("2.png: no such file (train.tsv:4)"));
}

TEST(Loader, ALabelColumnOfNumbersNeedsBinary) {
  try {
    Loader loader(config_of(),
                  records::open_manifest(records::parse_manifest("@FILE\tASCII_INT\n0.png\t0\n", "t.tsv"), {}), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where, "/etl/1");
    EXPECT_THAT(error.message, HasSubstr("add binary: true"));
  }
}

TEST(Loader, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Loader(config_of(), images(2), {.batch_size = 0}), Error);
  EXPECT_THROW(Loader(config_of(), images(2), {.threads = 0}), Error);
  EXPECT_THROW(Loader(config_of(), images(0), {}), Error);
  LoaderConfig three = config_of();
  three.etl.push_back(three.etl[1]);
  EXPECT_THROW(Loader(three, images(2), {}), Error);
}

}  // namespace
}  // namespace aeon

#include "aeon/check.h"

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "aeon/extract/extractor.h"
#include "aeon/extract/sound.h"
#include "base/error.h"
#include "records/image_formats.h"

namespace aeon {
namespace {

using records::ElementType;

constexpr std::int64_t kDecodingBytes = std::int64_t{1} << 30;  // as a loader has

/// What files there are in a column, by the first of them.
bool holds_sounds(const records::RecordSource& source, std::size_t column) {
  try {
    records::Record record;
    source.read_element(0, column, record);
    return records::image_format_of(record.elements[column]) == nullptr && is_sound(record.elements[column]);
  } catch (const base::Error&) {
    return false;  // it is reported with the other faults
  }
}

/// How the columns are read when no model file says it.
LoaderConfig guessed(const records::RecordSource& source) {
  LoaderConfig config;
  for (const ElementType type : source.types()) {
    EtlEntry& entry = config.etl.emplace_back();
    entry.name = std::to_string(config.etl.size());
    const bool image = type == ElementType::FILE || type == ElementType::BINARY;
    entry.type = image ? "image" : "label";
    if (image) entry.config = {{"height", 1}, {"width", 1}};
    if (image && holds_sounds(source, config.etl.size() - 1)) {
      entry.type = "audio";
      entry.config = {{"feature_type", "samples"}, {"max_duration", "1e8 samples"}};
    }
    if (type == ElementType::ASCII_INT || type == ElementType::ASCII_FLOAT) entry.config["binary"] = true;
    if (type == ElementType::ASCII_FLOAT) entry.config["output_type"] = "float";
    if (!image && config.etl.size() == 1) entry.role = Role::input;  // there must be one
  }
  return config;
}

/// Checks records one after another; each thread has one.
class Checker {
 public:
  Checker(const records::RecordSource& source, const LoaderConfig& config, std::int64_t label_count,
          SharedMemory& memory)
      : source_(source), extraction_(config), label_count_(label_count) {
    if (extraction_.columns.size() > source.types().size())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("etl has {} entries, but the records have {} columns", extraction_.columns.size(),
                                    source.types().size()),
                        "/etl");
    for (std::size_t i = 0; i < extraction_.columns.size(); ++i)
      extraction_.columns[i].extractor->check_column(source.types()[i]);
    for (std::size_t i = 0; i < extraction_.targets.size() && label_column_ < 0; ++i)
      if (extraction_.targets[i].dtype == tensor::Dtype::i32) label_column_ = column_of_target(i);
    decoded_.resize(extraction_.columns.size());
    views_.resize(decoded_.size());
    for (Decoded& element : decoded_) element.memory = &memory;
  }

  /// The fault of a record; empty when there is none.
  std::string fault_of(std::int64_t index) {
    try {
      source_.read(index, record_);
    } catch (const std::exception& failure) {
      return failure.what();  // names the record
    }
    std::string fault;
    try {
      for (std::size_t column = 0; column < extraction_.columns.size(); ++column) check(column);
      check_image_sizes(extraction_.columns, views_);
    } catch (const std::exception& failure) {
      fault = fmt::format("{}: {}", record_.name, failure.what());
    }
    for (Decoded& element : decoded_) element.settle();
    scratch_.settle();
    return fault;
  }

 private:
  int column_of_target(std::size_t target) const {
    for (std::size_t i = 0; i < extraction_.columns.size(); ++i)
      for (const auto& [role, index] : extraction_.columns[i].places)
        if (role == Role::target && index == target) return static_cast<int>(i);
    return -1;
  }

  void check(std::size_t column) {
    Decoded& decoded = decoded_[column];
    extraction_.columns[column].extractor->decode(record_.elements[column], scratch_, decoded);
    views_[column] = decoded.view();
    if (static_cast<int>(column) != label_column_ || label_count_ == 0) return;
    for (const std::int32_t label : decoded.as<std::int32_t>())
      if (label >= label_count_)
        throw base::Error(
            base::Code::invalid_argument,
            fmt::format("label {} is out of range: there are {} classes, counted from 0, so the highest is {}", label,
                        label_count_, label_count_ - 1));
  }

  const records::RecordSource& source_;
  const Extraction extraction_;
  std::int64_t label_count_;
  int label_column_ = -1;  // of the first target of indices
  records::Record record_;
  std::vector<Decoded> decoded_;
  std::vector<DecodedView> views_;
  Scratch scratch_;
};

}  // namespace

std::int64_t check_records(const records::RecordSource& source, std::int64_t label_count, int threads,
                           const ReportFault& report, const std::optional<LoaderConfig>& config) {
  const LoaderConfig known = config ? *config : guessed(source);
  SharedMemory memory(kDecodingBytes);
  Checker own(source, known, label_count, memory);
  std::atomic<std::int64_t> next = 0;
  std::mutex mutex;
  std::map<std::int64_t, std::string> finished;  // records that are not reported yet, with their faults
  std::int64_t reported = 0, faults = 0;
  const auto work = [&](Checker& checker) {
    for (std::int64_t index; (index = next++) < source.record_count();) {
      std::string fault = checker.fault_of(index);
      const std::lock_guard lock(mutex);
      finished.emplace(index, std::move(fault));
      for (auto first = finished.begin(); first != finished.end() && first->first == reported;
           first = finished.erase(first), ++reported)
        if (!first->second.empty()) {
          ++faults;
          report(first->second);
        }
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back([&] {
      Checker checker(source, known, label_count, memory);
      work(checker);
    });
  work(own);
  for (std::thread& thread : others) thread.join();
  return faults;
}

}  // namespace aeon

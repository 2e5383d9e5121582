#include "aeon/check.h"

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "aeon/extract/extractor.h"
#include "aeon/extract/image_decoder.h"
#include "base/error.h"

namespace aeon {
namespace {

using records::ElementType;

constexpr std::int64_t kDecodingBytes = std::int64_t{1} << 30;  // as a loader has

/// How a column is read when no model file says it.
std::unique_ptr<Extractor> label_of(ElementType type) {
  EtlEntry entry{.type = "label"};
  entry.config["binary"] = type != ElementType::STRING;
  return Extractors::find("label", "").make(entry, {});
}

/// Checks records one after another; each thread has one.
class Checker {
 public:
  Checker(const records::RecordSource& source, std::int64_t label_count, SharedMemory& memory)
      : source_(source), label_count_(label_count) {
    decoded_.memory = &memory;
    for (const ElementType type : source.types())
      labels_.push_back(type == ElementType::FILE || type == ElementType::BINARY ? nullptr : label_of(type));
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
      for (std::size_t column = 0; column < labels_.size(); ++column) check(column);
    } catch (const std::exception& failure) {
      fault = fmt::format("{}: {}", record_.name, failure.what());
    }
    decoded_.settle();
    return fault;
  }

 private:
  void check(std::size_t column) {
    if (!labels_[column]) {
      decode_image(record_.elements[column], 3, decoded_);
      return;
    }
    labels_[column]->decode(record_.elements[column], decoded_);
    std::int32_t label = 0;
    labels_[column]->write(decoded_.view(), nullptr, scratch_, reinterpret_cast<std::byte*>(&label));
    if (label_count_ > 0 && label >= label_count_)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("label {} is out of range: there are {} classes, counted from 0, so the highest is {}", label,
                      label_count_, label_count_ - 1));
  }

  const records::RecordSource& source_;
  std::int64_t label_count_;
  std::vector<std::unique_ptr<Extractor>> labels_;  // per column; null: an image
  records::Record record_;
  Decoded decoded_;
  Scratch scratch_;
};

}  // namespace

std::int64_t check_records(const records::RecordSource& source, std::int64_t label_count, int threads,
                           const ReportFault& report) {
  std::atomic<std::int64_t> next = 0;
  SharedMemory memory(kDecodingBytes);
  std::mutex mutex;
  std::map<std::int64_t, std::string> finished;  // records that are not reported yet, with their faults
  std::int64_t reported = 0, faults = 0;
  const auto work = [&] {
    Checker checker(source, label_count, memory);
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
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
  return faults;
}

}  // namespace aeon

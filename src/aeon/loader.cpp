#include "aeon/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "aeon/extract/decoded_cache.h"
#include "aeon/extract/extractor.h"
#include "aeon/order.h"
#include "base/error.h"
#include "tensor/arena.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kMaxPrefetchBytes = std::int64_t{512} << 20;

// Labels that are checked before the first step: about a millisecond's work.
constexpr std::int64_t kEarlyLabels = 100'000;

using Order = std::shared_ptr<const std::vector<std::uint32_t>>;

// One batch of the ring, from empty to delivered.
struct Slot {
  std::vector<tensor::Arena> memory;  // of inputs and targets
  tensor::Batch batch;
  std::int64_t epoch = 0, number = 0;  // which batch it holds
  Order order;                         // of its epoch; empty for the records' own
  std::int64_t taken_rows = 0;         // handed to workers
  std::int64_t done_rows = 0;
  std::exception_ptr error;  // of the first bad row
  std::int64_t error_row = 0;
};

// What one thread reuses from record to record.
struct Workspace {
  records::Record record;
  std::vector<Decoded> decoded;
  std::vector<DecodedView> views;
  std::vector<std::byte*> destinations;
  Scratch scratch;

  void settle() {
    for (Decoded& element : decoded) element.settle();
    scratch.settle();
  }
};

}  // namespace

// Slots form a ring of consecutive batches [first_, first_ + ring size): the caller holds or waits for the first,
// workers fill the others in order, a few rows at a time. All fields of the ring are guarded by mutex_; rows being
// filled belong to the worker that took them.
class Loader::Pipeline {
 public:
  Pipeline(const LoaderConfig& config, std::shared_ptr<const records::RecordSource> source, LoaderOptions options)
      : extraction_(config),
        source_(std::move(source)),
        options_(std::move(options)),
        shuffles_(config.shuffle_enable.value_or(options_.mode == Mode::train) && !config.streams.value_or(false)),
        decoding_(options_.decoding ? options_.decoding
                                    : std::make_shared<SharedMemory>(LoaderOptions::kUsualMemoryBytes)) {
    describe();
    if (config.streams.value_or(false)) describe_streams();
    divide_memory(config);
    find_index_limits();
    if (options_.mode == Mode::evaluate) check_early_labels();
    // Memory and threads of an evaluation are not wanted before it begins.
    parked_ = options_.mode == Mode::evaluate;
    if (!parked_) make_buffers();
    chunk_rows_ = std::max<std::int64_t>(1, (options_.batch_size + 2 * options_.threads - 1) / (2 * options_.threads));
    start_at(0, 0);
    try {
      for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error& failure) {
      stop();
      throw Error(Code::unavailable,
                  fmt::format("cannot start {} loader threads: {}", options_.threads, failure.what()));
    }
  }

  ~Pipeline() { stop(); }

  const tensor::SourceInfo& info() const { return info_; }
  void add_memory(std::int64_t bytes) { cache_->add_memory(bytes); }

  void seek(std::int64_t epoch, std::int64_t batch) {
    if (epoch < 0 || batch < 0 || batch >= info_.batches_per_epoch())
      throw Error(Code::invalid_argument, fmt::format("no batch {} of epoch {}: an epoch has {} batches, from 0", batch,
                                                      epoch, info_.batches_per_epoch()));
    unpark_first();
    std::unique_lock lock(mutex_);
    release();
    epoch_ended_ = false;
    // In evaluation all epochs are alike, so what was made ahead serves any of them.
    Slot& first = slots_[first_];
    if (first.number == batch && (first.epoch == epoch || every_epoch_alike())) return;
    parked_ = true;  // nobody takes new rows; wait until those taken are done
    rows_done_.wait(lock, [&] { return chunks_in_work_ == 0; });
    start_at(epoch, batch);
    parked_ = false;
    lock.unlock();
    work_wanted_.notify_all();
  }

  const tensor::Batch* next() {
    unpark_first();
    std::unique_lock lock(mutex_);
    release();
    if (epoch_ended_) return nullptr;
    Slot& slot = slots_[first_];
    rows_done_.wait(lock, [&] { return slot.done_rows == options_.batch_size; });
    if (slot.error) std::rethrow_exception(slot.error);
    delivered_ = true;
    return &slot.batch;
  }

 private:
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_wanted_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  bool every_epoch_alike() const { return options_.mode == Mode::evaluate && !shuffles_; }

  void describe() {
    if (options_.batch_size < 1)
      throw Error(Code::invalid_argument, fmt::format("batch_size must be positive, got {}", options_.batch_size));
    if (options_.threads < 1 || options_.threads > 1024)
      throw Error(Code::invalid_argument, fmt::format("threads must be from 1 to 1024, got {}", options_.threads));
    if (source_->record_count() < 1) throw Error(Code::invalid_argument, "the dataset has no records");
    if (extraction_.columns.size() > source_->types().size())
      throw Error(Code::invalid_argument,
                  fmt::format("etl has {} entries, but the records have {} columns", extraction_.columns.size(),
                              source_->types().size()),
                  "/etl");
    for (std::size_t column = 0; column < extraction_.columns.size(); ++column) {
      try {
        extraction_.columns[column].extractor->check_column(source_->types()[column]);
      } catch (Error& error) {
        error.where = base::pointer_to("/etl", column);
        throw;
      }
    }
    info_.inputs = extraction_.inputs;
    info_.targets = extraction_.targets.empty() ? extraction_.inputs : extraction_.targets;
    info_.record_count = source_->record_count();
    info_.batch_size = options_.batch_size;
    info_.labels = options_.labels.empty() ? extraction_.class_names : options_.labels;
    for (const auto* columns : {&extraction_.inputs, &extraction_.targets})
      for (const tensor::Column& column : *columns) {
        tensor::element_count(tensor::with_rows(options_.batch_size, column.shape));  // refuses what no machine holds
        record_bytes_ += bytes_of(column);
      }
  }

  /// Each row of the batches is a stream of its own.
  void describe_streams() {
    info_.streams = true;
    info_.record_count -= info_.record_count % options_.batch_size;
    if (info_.record_count == 0)
      throw Error(Code::invalid_argument,
                  fmt::format("streams needs a record for each row of a batch, but there are {} records and a "
                              "batch_size of {}",
                              source_->record_count(), options_.batch_size),
                  "/streams");
  }

  static std::int64_t bytes_of(const tensor::Column& column) {
    return tensor::element_count(column.shape) * tensor::size_of(column.dtype);
  }

  // Batches made ahead get at most half, the decoded cache what is left. Two batches, one that is used and one that is
  // filled, go before the cache.
  void divide_memory(const LoaderConfig& config) {
    const std::int64_t slot_bytes = options_.batch_size * record_bytes_;
    const std::int64_t memory = options_.memory_bytes;
    const std::int64_t least = memory >= 2 * slot_bytes ? 2 : 1;
    const std::int64_t ring =
        std::clamp(std::min(kMaxPrefetchBytes, memory / 2) / slot_bytes, least, config.prefetch_batches);
    slots_.resize(static_cast<std::size_t>(ring));
    const std::int64_t left = std::max<std::int64_t>(memory - ring * slot_bytes, 0);
    cache_.emplace(source_->record_count(), extraction_.columns.size(), config.decoded_cache_bytes, left);
  }

  void make_buffers() {
    for (Slot& slot : slots_) {
      slot.batch.inputs = make_tensors(slot, extraction_.inputs);
      slot.batch.targets = extraction_.targets.empty() ? slot.batch.inputs : make_tensors(slot, extraction_.targets);
    }
  }

  std::vector<tensor::Tensor> make_tensors(Slot& slot, const std::vector<tensor::Column>& columns) const {
    std::vector<tensor::Tensor> tensors;
    for (const tensor::Column& column : columns) {
      tensor::Arena& memory =
          slot.memory.emplace_back(static_cast<std::size_t>(options_.batch_size * bytes_of(column)));
      tensors.push_back({column.dtype, tensor::with_rows(options_.batch_size, column.shape), memory.data()});
    }
    return tensors;
  }

  // The caller is here for the first time: workers may begin.
  void unpark_first() {
    if (!slots_.front().batch.inputs.empty()) return;
    make_buffers();
    {
      const std::lock_guard lock(mutex_);
      parked_ = false;
    }
    work_wanted_.notify_all();
  }

  // A label that fits no class would else end a training at its first evaluation, perhaps after hours.
  void check_early_labels() {
    for (std::size_t column = 0; column < extraction_.columns.size(); ++column)
      if (extraction_.columns[column].has(Role::target) && source_->types()[column] != records::ElementType::FILE)
        check_early_labels(column);
  }

  void check_early_labels(std::size_t number) {
    const ExtractedColumn& column = extraction_.columns[number];
    Workspace workspace;
    Decoded& decoded = workspace.decoded.emplace_back();
    std::vector<std::vector<std::byte>> numbers;
    for (const ExtractedColumn::Place& place : column.places) {
      const bool wanted = place.role == Role::target;
      numbers.emplace_back(wanted ? static_cast<std::size_t>(bytes_of(info_.targets[place.index])) : 0);
      workspace.destinations.push_back(wanted ? numbers.back().data() : nullptr);
    }
    for (std::int64_t index = 0; index < std::min(info_.record_count, kEarlyLabels); ++index) {
      source_->read_element(index, number, workspace.record);
      try {
        column.extractor->decode(workspace.record.elements[number], workspace.scratch, decoded);
        column.extractor->write(decoded.view(), Draw(), workspace.scratch, workspace.destinations);
        check_indices(column, workspace.destinations);
      } catch (const Error& error) {
        throw Error(error.code, fmt::format("{}: {}", workspace.record.name, error.message));
      }
    }
  }

  // The names that were given are those of the first target of indices.
  void find_index_limits() {
    bool named = !options_.labels.empty();
    for (std::size_t target = 0; target < extraction_.targets.size(); ++target) {
      const tensor::Column& column = extraction_.targets[target];
      IndexCheck& check = index_checks_.emplace_back(IndexCheck{tensor::element_count(column.shape), 0});
      if (column.dtype != tensor::Dtype::i32) continue;
      if (named)
        check.limit = static_cast<std::int64_t>(options_.labels.size());
      else if (target < options_.index_limits.size())
        check.limit = options_.index_limits[target];
      named = false;
    }
  }

  void check_indices(const ExtractedColumn& column, std::span<std::byte* const> destinations) const {
    for (std::size_t i = 0; i < column.places.size(); ++i) {
      if (column.places[i].role != Role::target) continue;
      const IndexCheck& check = index_checks_[column.places[i].index];
      if (check.limit == 0) continue;
      const auto* numbers = reinterpret_cast<const std::int32_t*>(destinations[i]);
      for (std::int64_t k = 0; k < check.count; ++k)
        if (numbers[k] >= check.limit)
          throw Error(
              Code::invalid_argument,
              fmt::format("label {} is out of range: there are {} classes, counted from 0, so the highest is {}",
                          numbers[k], check.limit, check.limit - 1));
    }
  }

  // ---- the ring; mutex_ is held, or no thread runs yet ----

  void start_at(std::int64_t epoch, std::int64_t batch) {
    first_ = filling_ = 0;
    delivered_ = epoch_ended_ = false;
    next_epoch_ = epoch;
    next_batch_ = batch;
    order_ = nullptr;
    for (Slot& slot : slots_) assign(slot);
  }

  // Makes a slot stand for the batch after the ring's last.
  void assign(Slot& slot) {
    if (shuffles_ && (!order_ || order_epoch_ != next_epoch_)) {
      order_ = std::make_shared<const std::vector<std::uint32_t>>(
          shuffled_order(info_.record_count, options_.seed, static_cast<std::uint64_t>(next_epoch_)));
      order_epoch_ = next_epoch_;
    }
    slot.epoch = next_epoch_;
    slot.number = next_batch_;
    slot.order = order_;
    slot.taken_rows = slot.done_rows = 0;
    slot.error = nullptr;
    slot.batch.count = std::min(options_.batch_size, info_.record_count - next_batch_ * options_.batch_size);
    if (++next_batch_ == info_.batches_per_epoch()) {
      next_batch_ = 0;
      ++next_epoch_;
    }
  }

  // The caller is done with the batch it holds: its slot becomes the ring's last.
  void release() {
    if (!delivered_) return;
    delivered_ = false;
    Slot& slot = slots_[first_];
    epoch_ended_ = slot.number + 1 == info_.batches_per_epoch();
    assign(slot);
    if (filling_ == first_) filling_ = (filling_ + 1) % slots_.size();
    first_ = (first_ + 1) % slots_.size();
    work_wanted_.notify_all();
  }

  // The slot that has rows to fill, or nullptr. filling_ only walks forward, so that batches are finished in order.
  Slot* slot_to_fill() {
    if (parked_) return nullptr;
    Slot& slot = slots_[filling_];
    if (slot.taken_rows < options_.batch_size) return &slot;
    Slot& following = slots_[(filling_ + 1) % slots_.size()];
    if (following.taken_rows == options_.batch_size) return nullptr;  // all are full
    filling_ = (filling_ + 1) % slots_.size();
    return &following;
  }

  // ---- workers ----

  void work() {
    Workspace workspace;
    workspace.decoded.resize(extraction_.columns.size());
    for (Decoded& decoded : workspace.decoded) decoded.memory = decoding_.get();
    workspace.views.resize(extraction_.columns.size());
    std::unique_lock lock(mutex_);
    for (;;) {
      Slot* slot = nullptr;
      work_wanted_.wait(lock, [&] { return stopping_ || (slot = slot_to_fill()) != nullptr; });
      if (stopping_) return;
      const std::int64_t begin = slot->taken_rows, end = std::min(begin + chunk_rows_, options_.batch_size);
      slot->taken_rows = end;
      ++chunks_in_work_;
      lock.unlock();
      std::int64_t row = begin;
      std::exception_ptr error;
      try {
        for (; row < end; ++row) {
          fill_row(*slot, row, workspace);
          workspace.settle();
        }
      } catch (...) {
        error = std::current_exception();
        workspace.settle();
      }
      lock.lock();
      if (error && (!slot->error || row < slot->error_row)) {
        slot->error = error;
        slot->error_row = row;
      }
      slot->done_rows += end - begin;
      --chunks_in_work_;
      if (slot->done_rows == options_.batch_size || chunks_in_work_ == 0) rows_done_.notify_all();
    }
  }

  void fill_row(const Slot& slot, std::int64_t row, Workspace& workspace) {
    const std::int64_t place = (slot.number * options_.batch_size + row) % info_.record_count;
    const std::int64_t index = info_.streams ? row * info_.batches_per_epoch() + slot.number
                               : slot.order  ? (*slot.order)[static_cast<std::size_t>(place)]
                                             : place;
    const bool cached = cache_->find(index, workspace.views);
    if (!cached) source_->read(index, workspace.record);
    try {
      if (!cached) decode(index, workspace);
      write(slot, row, index, workspace);
    } catch (const std::exception& failure) {
      if (cached) source_->read(index, workspace.record);  // for its name
      const auto* error = dynamic_cast<const Error*>(&failure);
      throw Error(error != nullptr ? error->code : Code::internal,
                  fmt::format("{}: {}", workspace.record.name, failure.what()));
    }
  }

  void decode(std::int64_t index, Workspace& workspace) {
    for (std::size_t column = 0; column < extraction_.columns.size(); ++column) {
      Decoded& decoded = workspace.decoded[column];
      extraction_.columns[column].extractor->decode(workspace.record.elements[column], workspace.scratch, decoded);
      workspace.views[column] = decoded.view();
    }
    check_image_sizes(extraction_.columns, workspace.views);
    cache_->keep(index, workspace.views);
  }

  void write(const Slot& slot, std::int64_t row, std::int64_t index, Workspace& workspace) const {
    const Draw draw = options_.mode == Mode::train ? Draw(options_.seed, slot.epoch, index) : Draw();
    for (std::size_t i = 0; i < extraction_.columns.size(); ++i) {
      const ExtractedColumn& column = extraction_.columns[i];
      workspace.destinations.clear();
      for (const auto& [role, place] : column.places) {
        const tensor::Tensor& tensor = role == Role::input ? slot.batch.inputs[place] : slot.batch.targets[place];
        const tensor::Column& kind = role == Role::input ? info_.inputs[place] : info_.targets[place];
        workspace.destinations.push_back(static_cast<std::byte*>(tensor.data) + row * bytes_of(kind));
      }
      column.extractor->write(workspace.views[i], draw, workspace.scratch, workspace.destinations);
      check_indices(column, workspace.destinations);
    }
  }

  // Whole numbers of a target, and what they must be below; 0: anything.
  struct IndexCheck {
    std::int64_t count, limit;
  };

  Extraction extraction_;
  std::shared_ptr<const records::RecordSource> source_;
  LoaderOptions options_;
  bool shuffles_;
  tensor::SourceInfo info_;
  std::int64_t record_bytes_ = 0;         // of all tensors of one record
  std::vector<IndexCheck> index_checks_;  // of each target
  std::int64_t chunk_rows_ = 1;           // that a worker takes at a time
  std::optional<DecodedCache> cache_;     // made when the batches have got their memory
  std::shared_ptr<SharedMemory> decoding_;

  std::mutex mutex_;
  std::condition_variable work_wanted_, rows_done_;
  std::vector<Slot> slots_;
  std::size_t first_ = 0;     // the slot that the caller gets next, or holds
  std::size_t filling_ = 0;   // the slot whose rows are being handed out
  bool delivered_ = false;    // the caller holds slots_[first_]
  bool epoch_ended_ = false;  // next() has nothing more until seek()
  bool parked_ = false, stopping_ = false;
  int chunks_in_work_ = 0;                        // that workers hold
  std::int64_t next_epoch_ = 0, next_batch_ = 0;  // what assign() gives next
  std::int64_t order_epoch_ = 0;
  Order order_;
  std::vector<std::thread> threads_;
};

Loader::Loader(const LoaderConfig& config, std::shared_ptr<const records::RecordSource> source, LoaderOptions options)
    : pipeline_(std::make_unique<Pipeline>(config, std::move(source), std::move(options))) {}
Loader::~Loader() = default;
const tensor::SourceInfo& Loader::info() const { return pipeline_->info(); }
void Loader::seek(std::int64_t epoch, std::int64_t batch) { pipeline_->seek(epoch, batch); }
const tensor::Batch* Loader::next() { return pipeline_->next(); }
void Loader::add_memory(std::int64_t bytes) { pipeline_->add_memory(bytes); }

}  // namespace aeon

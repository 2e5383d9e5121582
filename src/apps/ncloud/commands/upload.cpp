#include <condition_variable>
#include <deque>

#include "apps/ncloud/command.h"
#include "apps/ncloud/data_check.h"
#include "apps/ncloud/terminal.h"
#include "base/clock.h"
#include "base/counted.h"
#include "base/sha256.h"
#include "records/first_look.h"
#include "records/labels.h"
#include "records/manifest.h"
#include "records/shard.h"

namespace ncloud {
namespace {

using base::Code;
using base::Error;

// What a shard holds at most. Fixed, because a resumed upload must cut the records at the same places.
constexpr std::int64_t kShardRecords = 4096;
constexpr std::size_t kShardBytes = std::size_t{4} << 20;
constexpr std::size_t kWaitingShards = 6;

struct Upload {
  std::string manifest;
  std::string name;
  std::string labels;
  std::string root;
  bool allow_outside_root = false;
  bool check = false;
  int threads = 4;
  static constexpr auto fields() {
    return std::tuple(
        base::field("manifest", &Upload::manifest, "manifest file (TSV) that lists the records")
            .required()
            .positional(),
        base::field("name", &Upload::name, "name of the dataset").required().flag('N'),
        base::field("labels", &Upload::labels,
                    "file with the names of the classes, one a line; labels.txt beside the manifest when left out"),
        base::field("root", &Upload::root, "folder that relative file names start at; the manifest's when left out"),
        base::field("allow_outside_root", &Upload::allow_outside_root,
                    "also upload files that names or links in the manifest lead to outside of the root"),
        base::field("check", &Upload::check,
                    "first decode every file and tell all faults at once (by the program neon, beside this one)"),
        base::field("threads", &Upload::threads, "connections").range(1, 64).flag('j'));
  }
};

struct PackedShard {
  std::int64_t first_record = 0;
  std::int64_t record_count = 0;
  std::string bytes;
};

/// Hands shards from the thread that packs to those that send. A failure on either side ends both.
class Belt {
 public:
  /// False when the others have stopped.
  bool put(PackedShard shard) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || waiting_.size() < kWaitingShards; });
    if (stopped_) return false;
    waiting_.push_back(std::move(shard));
    changed_.notify_all();
    return true;
  }
  std::optional<PackedShard> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || finished_ || !waiting_.empty(); });
    if (stopped_ || waiting_.empty()) return std::nullopt;
    PackedShard shard = std::move(waiting_.front());
    waiting_.pop_front();
    changed_.notify_all();
    return shard;
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  void fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = failure;
    stopped_ = true;
    changed_.notify_all();
  }
  std::exception_ptr failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<PackedShard> waiting_;
  bool finished_ = false, stopped_ = false;
  std::exception_ptr failure_;
};

struct Counts {
  std::atomic<std::int64_t> records = 0, bytes = 0, skipped_records = 0;
};

/// Empty when there is none.
std::filesystem::path labels_file(const Upload& options) {
  if (!options.labels.empty()) return options.labels;
  std::filesystem::path file = std::filesystem::path(options.manifest).parent_path() / "labels.txt";
  std::error_code unknown;
  if (!std::filesystem::exists(file, unknown)) file.clear();
  return file;
}

std::map<std::int64_t, std::string> stored_shards(api::Client& client, const std::string& dataset) {
  std::map<std::int64_t, std::string> hashes;
  api::ListShards request{.dataset = dataset};
  do {
    const api::Page<api::Shard> page = client.call(api::list_shards, request);
    for (const api::Shard& shard : page.items) hashes[shard.first_record] = shard.sha256;
    request.page_token = page.next_page_token;
  } while (!request.page_token.empty());
  return hashes;
}

void pack(const records::Manifest& manifest, const records::Root& root, std::size_t label_count, Belt& belt) {
  const records::FirstLook first_look(manifest, label_count);
  records::ShardWriter writer(manifest.types);
  std::vector<std::string> elements(manifest.types.size());
  std::int64_t first = 0;
  for (std::int64_t record = 0; record < manifest.record_count(); ++record) {
    if (interrupted()) throw Error(Code::interrupted, "interrupted");
    for (std::size_t column = 0; column < elements.size(); ++column)
      elements[column] = records::element_bytes(manifest, record, column, root);
    first_look.check(manifest, record, elements);
    const std::string name = records::record_name(manifest, record);
    writer.add(name, elements);
    if (writer.size_bytes() > api::kShardLimitBytes && writer.record_count() == 1)
      throw Error(Code::too_large, fmt::format("{} is larger than {}, the most that one record may have", name,
                                               base::size_text(api::kShardLimitBytes)));
    const bool last = record + 1 == manifest.record_count();
    if (!last && writer.record_count() < kShardRecords && writer.size_bytes() < kShardBytes) continue;
    const std::int64_t count = writer.record_count();
    if (!belt.put({first, count, writer.finish()})) return;
    first = record + 1;
  }
  belt.finish();
}

void send(const Session& session, const std::string& dataset, const std::map<std::int64_t, std::string>& stored,
          Belt& belt, Counts& counts) {
  api::Client client = session.new_client();
  while (const auto shard = belt.take()) {
    const std::string hash = base::sha256(shard->bytes);
    const auto known = stored.find(shard->first_record);
    if (known != stored.end() && known->second == hash) {
      counts.skipped_records += shard->record_count;
    } else {
      client.call(api::put_shard, {.dataset = dataset, .first_record = shard->first_record, .sha256 = hash},
                  shard->bytes);
    }
    counts.records += shard->record_count;
    counts.bytes += static_cast<std::int64_t>(shard->bytes.size());
  }
}

/// Shows how far it is until `done`: a live line on a terminal, else a line for each tenth.
void show_progress(const Counts& counts, std::int64_t total, std::int64_t start_us, const std::atomic<bool>& done) {
  LiveLine line;
  std::int64_t next_tenth = 1;
  while (!done) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const std::int64_t records = counts.records;
    const double seconds = static_cast<double>(base::steady_now_us() - start_us) / 1e6;
    const std::int64_t sent = std::max<std::int64_t>(records - counts.skipped_records, 0);
    const double rate = static_cast<double>(sent) / seconds;
    const double percent = 100.0 * static_cast<double>(records) / static_cast<double>(total);
    std::vector<LivePart> parts{{fmt::format("{:3.0f} %", percent)},
                                {fmt::format("{}/{} files", records, total), 2},
                                {base::size_text(counts.bytes), 4},
                                {fmt::format("{:.0f} files/s", rate), 3}};
    if (sent > 0 && records < total)
      parts.push_back({fmt::format("ETA {}", base::duration_text(static_cast<double>(total - records) / rate)), 1});
    line.draw(parts);
    if (shows_live_lines() || records * 10 < total * next_tenth) continue;
    tell(fitted(parts, std::string::npos));
    next_tenth = records * 10 / total + 1;
  }
}

int upload(Session& session, const Upload& options) {
  const records::Manifest manifest = records::read_manifest(options.manifest);
  const records::Root root(manifest, options.root,
                           options.allow_outside_root ? records::Reach::everywhere : records::Reach::root);
  const std::filesystem::path names = labels_file(options);
  const std::vector<std::string> labels = names.empty() ? std::vector<std::string>() : records::read_labels(names);
  if (options.check) check_data(options.manifest, names, options.root);
  api::CreateDataset request{.name = options.name,
                             .record_count = manifest.record_count(),
                             .manifest_sha256 = base::sha256_of_file(options.manifest),
                             .labels = labels};
  for (const records::ElementType type : manifest.types) request.types.emplace_back(base::word(type));
  api::Client& client = session.client();
  const api::Dataset dataset = client.call(api::create_dataset, request);
  if (!names.empty())
    session.note(fmt::format("{} from {}", base::counted(std::ssize(labels), "label"), names.string()));
  const std::string id = std::to_string(dataset.id);
  const std::map<std::int64_t, std::string> stored = stored_shards(client, id);

  const std::int64_t start_us = base::steady_now_us();
  Belt belt;
  Counts counts;
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  const auto guarded = [&belt](auto&& work) {
    try {
      work();
    } catch (...) {
      belt.fail(std::current_exception());
    }
  };
  for (int i = 0; i < options.threads; ++i)
    threads.emplace_back([&] { guarded([&] { send(session, id, stored, belt, counts); }); });
  std::thread progress([&] { guarded([&] { show_progress(counts, manifest.record_count(), start_us, done); }); });
  guarded([&] { pack(manifest, root, labels.size(), belt); });
  for (std::thread& thread : threads) thread.join();
  done = true;
  progress.join();
  if (interrupted()) {
    session.note(fmt::format("interrupted: {} of {} files are stored; the same command goes on from there",
                             counts.records.load(), manifest.record_count()));
    return base::kind_of(Code::interrupted).exit_code;
  }
  if (const std::exception_ptr failure = belt.failure()) std::rethrow_exception(failure);
  const api::Dataset finished = client.call(api::complete_dataset, {.dataset = id});
  const double seconds = static_cast<double>(base::steady_now_us() - start_us) / 1e6;
  if (counts.skipped_records > 0)
    session.note(fmt::format("{} files were already there", counts.skipped_records.load()));
  const std::int64_t sent = counts.records - counts.skipped_records;
  session.did(fmt::format("dataset {} ({}) is {}: {} records, {}", finished.id, finished.name,
                          base::word(finished.state), finished.record_count, base::size_text(finished.size_bytes)),
              finished);
  if (sent > 0)
    session.note(fmt::format("{} files in {}, {:.0f} files/s", sent, base::duration_text(seconds),
                             static_cast<double>(sent) / seconds));
  return 0;
}

const Shelved shelved(
    command("dataset upload",
            "Upload the records of a manifest as a dataset; the same command goes on after an interruption", upload));

}  // namespace
}  // namespace ncloud

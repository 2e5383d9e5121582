// What is read before a model starts, so that nothing trains on or answers from damaged bytes.
#include <sys/stat.h>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/datasets.h"
#include "cloud/supervisor.h"
#include "cloud/volumes.h"

namespace cloud {

using base::Code;
using base::Error;
using enum api::ModelState;

namespace {

constexpr std::int64_t kCheckUs = std::int64_t{3600} * 1000000;   // until a check is given up and begun anew
constexpr std::int64_t kReadAtOnceBytes = std::int64_t{2} << 20;  // takes a few milliseconds

std::int64_t size_of(const std::filesystem::path& file) {
  struct stat status{};
  return ::stat(file.c_str(), &status) == 0 ? status.st_size : 0;
}

}  // namespace

// Whether the model may start. When its objects have not been read since the daemon began, they are read aside and the
// model starts after that.
bool Supervisor::is_sound(const ModelRow& row) {
  Check wanted{.model = row.id, .sha256s = {}};
  if (!row.checkpoint_sha256.empty()) wanted.sha256s.push_back(row.checkpoint_sha256);
  const bool begins = row.state == queued && row.checkpoint_sha256.empty();
  if (begins && !row.start_sha256.empty()) wanted.sha256s.push_back(row.start_sha256);
  if (row.state == queued)
    store_.read([&](Database& db) {
      for (const DatasetOfModel& use : datasets_of(db, row.id))
        if (use.dataset_id)
          for (std::string& sha256 : shards_of(db, *use.dataset_id)) wanted.sha256s.push_back(std::move(sha256));
      for (const VolumeOfModel& use : volumes_of(db, row.id))
        if (use.volume_id)
          for (api::VolumeFile& file : files_of_volume(db, *use.volume_id))
            wanted.sha256s.push_back(std::move(file.sha256));
    });
  std::erase_if(wanted.sha256s, [&](const std::string& sha256) { return objects_.known_sound(sha256); });
  if (wanted.sha256s.empty()) return true;

  std::int64_t bytes = 0;
  for (const std::string& sha256 : wanted.sha256s) bytes += size_of(objects_.path_of(sha256));
  if (bytes > kReadAtOnceBytes) {
    const std::lock_guard lock(mutex_);
    rests_[row.id] = {base::steady_now_us() + kCheckUs, "its data is read and checked first", "it starts by itself"};
    checks_.push_back(std::move(wanted));
    check_due_.notify_all();
    return false;
  }
  std::set<std::string> damaged;
  for (const std::string& sha256 : wanted.sha256s) try {
      objects_.verify(sha256);
    } catch (const Error& error) {
      if (error.code != Code::data_loss) throw;
      damaged.insert(sha256);
    }
  if (damaged.empty()) return true;
  found_damaged(row.id, damaged);
  return false;
}

void Supervisor::check() {
  while (true) {
    Check wanted;
    {
      std::unique_lock lock(mutex_);
      check_due_.wait(lock, [this] { return closing_ || !checks_.empty(); });
      if (closing_) return;
      wanted = std::move(checks_.front());
      checks_.pop_front();
    }
    std::set<std::string> damaged;
    std::string failure;
    for (const std::string& sha256 : wanted.sha256s) try {
        if (closing_) return;
        objects_.verify(sha256);
      } catch (...) {
        const Error error = base::caught();
        if (error.code == Code::data_loss) {
          damaged.insert(sha256);
        } else {
          base::log_error("object {} cannot be checked: {}", sha256, error.message);
          failure = base::message_for_others(error);
        }
      }
    const Turn turn(turns_, wanted.model);
    {
      const std::lock_guard lock(mutex_);
      rests_.erase(wanted.model);
    }
    try {
      if (!failure.empty()) rest(wanted.model, failure);
      if (!damaged.empty()) found_damaged(wanted.model, damaged);
    } catch (...) {
      base::log_error("model {} has damaged data: {}", wanted.model, base::caught().message);
      rest(wanted.model, "its data is damaged");
    }
    wake();
  }
}

// A model that waits to start cannot: it goes back to the checkpoint before, or says what is damaged.
void Supervisor::found_damaged(std::int64_t model, const std::set<std::string>& damaged) {
  const auto row = store_.read([&](Database& db) { return find_model(db, model); });
  if (!row || (row->state != queued && row->state != deploying)) return;
  const bool checkpoint = damaged.contains(row->checkpoint_sha256);
  if (checkpoint && !row->previous_sha256.empty()) {
    go_back_to_previous(*row);
    wake();
    return;
  }
  std::string what =
      fmt::format("its checkpoint (object {}) is damaged, and there is none before it", row->checkpoint_sha256);
  if (damaged.contains(row->start_sha256))
    what = fmt::format("the checkpoint that it begins with (object {}) is damaged; start it from another model",
                       row->start_sha256);
  else if (!checkpoint)
    what = store_.read([&](Database& db) {
      for (const DatasetOfModel& use : datasets_of(db, model))
        if (use.dataset_id)
          for (const std::string& sha256 : shards_of(db, *use.dataset_id))
            if (damaged.contains(sha256))
              return fmt::format(
                  "dataset '{}' (object {}) is damaged; upload the same files again under another name and "
                  "remove it, or have it restored from a backup",
                  use.name, sha256);
      return fmt::format("object {} is damaged", *damaged.begin());
    });
  base::log_error("model {} cannot be started: {}", model, what);
  if (row->state == deploying) return end_deployment(model, "cannot be deployed: " + what);
  change(model, [&](Database& db, ModelRow& now) {
    now.ended_us = base::wall_now_us();
    become(db, now, ModelState::error, "cannot be started: " + what);
  });
  note_state(*store_.read([&](Database& db) { return find_model(db, model); }));
  logs_.set_live(model, false);
}

void Supervisor::go_back_to_previous(const ModelRow& row) {
  const std::string text =
      fmt::format("the checkpoint of epoch {} (object {}) is damaged; the one before it, of epoch {}, takes its place",
                  row.checkpoint_epochs, row.checkpoint_sha256, row.previous_epochs);
  change(row.id, [&](Database& db, ModelRow& now) {
    now.checkpoint_sha256 = std::exchange(now.previous_sha256, "");
    now.checkpoint_bytes = std::exchange(now.previous_bytes, std::nullopt);
    now.checkpoint_epochs = now.epochs_completed = std::exchange(now.previous_epochs, 0);
    now.reason = text;
    save(db, now);
    objects_.release(db, row.checkpoint_sha256);
  });
  objects_.collect(row.checkpoint_sha256);
  base::log_error("model {}: {}", row.id, text);
  note(row.id, {.kind = api::TrainingEventKind::log, .text = text});
}

}  // namespace cloud

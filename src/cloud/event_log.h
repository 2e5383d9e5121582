#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "api/resources/models.h"
#include "api/router.h"
#include "base/files.h"
#include "cloud/lock_order.h"

namespace cloud {

/// What happened in each training: one file per model, one event per line. An event's id is the offset just after its
/// line, so that a reader goes on with one seek. After a tab a line has a mark, which readers do not see. Followers are
/// woken by the writer; nobody polls. Threads: any.
class EventLogs {
 public:
  explicit EventLogs(std::filesystem::path folder);
  ~EventLogs();

  /// More events will come (or no more for now), so followers wait (or end).
  void set_live(std::int64_t model, bool live);

  /// What a job said, for last_mark(): its id and the number of its last event so far.
  struct Mark {
    std::string job;
    std::int64_t number = 0;
  };

  /// Errors are logged, not thrown: a training does not fail because its log cannot be written.
  void append(std::int64_t model, const api::TrainingEvent& event, const Mark& mark);
  void append(std::int64_t model, const api::TrainingEvent& event) { append(model, event, {}); }

  /// The number in the last line with a mark of this job; 0 when there is none.
  std::int64_t last_number(std::int64_t model, const std::string& job);

  std::unique_ptr<api::EventFeed> feed(std::int64_t model, bool follow);

  /// Ends all followers and removes the file; how many bytes that freed.
  std::int64_t remove(std::int64_t model);

 private:
  struct Log;
  class Feed;
  std::shared_ptr<Log> log_of(std::int64_t model);

  std::filesystem::path folder_;
  Mutex mutex_{locks::kEventLogs};
  std::map<std::int64_t, std::shared_ptr<Log>> logs_;  // of live models and those that are followed
};

}  // namespace cloud

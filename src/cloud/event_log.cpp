#include "cloud/event_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <set>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace cloud {

namespace {
constexpr std::size_t kMaxBytesAtOnce = std::size_t{1} << 20;  // that one read gives
constexpr char kBeforeMark = '\t';                             // JSON writes it otherwise
constexpr std::int64_t kMarkedBytes = std::int64_t{1} << 20;   // at the end of a log, in which there is a mark
}  // namespace

struct EventLogs::Log {
  std::filesystem::path path;
  Mutex mutex{locks::kEventLog};
  base::Fd file;
  std::int64_t size = 0;
  bool live = false;
  std::set<Feed*> followers;

  explicit Log(std::filesystem::path where) : path(std::move(where)) {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) size = status.st_size;
  }

  // Opened with the first event of this run. A line that a crash cut off goes.
  void open() {
    file = base::Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file) throw base::system_error(fmt::format("cannot open '{}'", path.string()), errno);
    char last = '\n';
    while (size > 0 && ::pread(file.get(), &last, 1, size - 1) == 1 && last != '\n') --size;
    if (::ftruncate(file.get(), size) != 0)
      throw base::system_error(fmt::format("cannot shorten '{}'", path.string()), errno);
    ::lseek(file.get(), size, SEEK_SET);
  }
};

class EventLogs::Feed : public api::EventFeed {
 public:
  Feed(std::shared_ptr<Log> log, bool follow) : log_(std::move(log)), follow_(follow) {
    const std::lock_guard lock(log_->mutex);
    log_->followers.insert(this);
  }
  ~Feed() override {
    const std::lock_guard lock(log_->mutex);
    log_->followers.erase(this);
  }

  std::vector<Event> read(std::int64_t after, std::size_t limit) override {
    std::int64_t size = 0;
    {
      const std::lock_guard lock(log_->mutex);
      size = log_->size;
    }
    std::vector<Event> events;
    if (after >= size || limit == 0) return events;
    if (!file_) file_ = base::Fd(::open(log_->path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file_) return events;
    // An offset inside a line (no id that we gave) moves to the next one.
    std::int64_t position = after;
    bool aligned = position == 0;
    if (!aligned) --position;
    std::string line;
    std::string buffer(1 << 16, '\0');
    std::size_t bytes = 0;
    while (position < size && events.size() < limit && bytes < kMaxBytesAtOnce) {
      const auto wanted =
          static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(buffer.size()), size - position));
      const ssize_t got = ::pread(file_.get(), buffer.data(), wanted, position);
      if (got <= 0) break;
      for (ssize_t i = 0; i < got && events.size() < limit && bytes < kMaxBytesAtOnce; ++i) {
        ++position;
        if (buffer[static_cast<std::size_t>(i)] != '\n') {
          line += buffer[static_cast<std::size_t>(i)];
          continue;
        }
        bytes += line.size();
        line.resize(std::min(line.find(kBeforeMark), line.size()));
        if (aligned) events.push_back({position, line});
        aligned = true;
        line.clear();
      }
    }
    return events;
  }

  bool ended() override {
    const std::lock_guard lock(log_->mutex);
    return !follow_ || !log_->live;
  }

  void on_change(std::function<void()> wake) override {
    const std::lock_guard lock(log_->mutex);
    wake_ = std::move(wake);
  }

  // With the log's mutex held: that is what makes taking a wake back final.
  void woken() {
    if (wake_) wake_();
  }

 private:
  std::shared_ptr<Log> log_;
  bool follow_;
  base::Fd file_;
  std::function<void()> wake_;
};

EventLogs::EventLogs(std::filesystem::path folder) : folder_(std::move(folder)) { base::make_folders(folder_); }
EventLogs::~EventLogs() = default;

std::shared_ptr<EventLogs::Log> EventLogs::log_of(std::int64_t model) {
  const std::lock_guard lock(mutex_);
  const auto is_over = [](const std::shared_ptr<Log>& log) {
    const std::lock_guard log_lock(log->mutex);
    return log.use_count() == 1 && !log->live;
  };
  for (auto it = logs_.begin(); it != logs_.end();)  // drop those that nobody needs any more
    it = it->first != model && is_over(it->second) ? logs_.erase(it) : std::next(it);
  std::shared_ptr<Log>& log = logs_[model];
  if (!log) log = std::make_shared<Log>(folder_ / fmt::format("{}.jsonl", model));
  return log;
}

void EventLogs::set_live(std::int64_t model, bool live) {
  const auto log = log_of(model);
  const std::lock_guard lock(log->mutex);
  log->live = live;
  if (!live) log->file.reset();
  for (Feed* follower : log->followers) follower->woken();
}

void EventLogs::append(std::int64_t model, const api::TrainingEvent& event, const Mark& mark) {
  const auto log = log_of(model);
  const std::lock_guard lock(log->mutex);
  try {
    if (!log->file) log->open();
    std::string line = base::to_text(base::encode(event));
    if (!mark.job.empty()) line += fmt::format("{}{} {}", kBeforeMark, mark.job, mark.number);
    line += '\n';
    base::write_all(log->file, line, log->path.string());
    log->size += static_cast<std::int64_t>(line.size());
  } catch (...) {
    log->file.reset();  // opened anew next time, which cuts off a half-written line
    base::log_warning("an event of model {} is lost: {}", model, base::caught().message);
    return;
  }
  for (Feed* follower : log->followers) follower->woken();
}

std::int64_t EventLogs::last_number(std::int64_t model, const std::string& job) {
  const auto log = log_of(model);
  const std::lock_guard lock(log->mutex);
  const base::Fd file(::open(log->path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return 0;
  std::string end(static_cast<std::size_t>(std::min(log->size, kMarkedBytes)), '\0');
  const ssize_t got = ::pread(file.get(), end.data(), end.size(), log->size - static_cast<std::int64_t>(end.size()));
  end.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  end.resize(end.rfind('\n') + 1);  // a line that a crash cut off is none
  const std::string mark = fmt::format("{}{} ", kBeforeMark, job);
  const auto found = end.rfind(mark);
  return found == std::string::npos ? 0 : std::atoll(end.c_str() + found + mark.size());
}

std::unique_ptr<api::EventFeed> EventLogs::feed(std::int64_t model, bool follow) {
  return std::make_unique<Feed>(log_of(model), follow);
}

std::int64_t EventLogs::remove(std::int64_t model) {
  set_live(model, false);
  const auto log = log_of(model);
  const std::lock_guard lock(log->mutex);
  const std::int64_t freed = log->size;
  std::error_code ignored;
  std::filesystem::remove(log->path, ignored);
  log->size = 0;
  return freed;
}

}  // namespace cloud

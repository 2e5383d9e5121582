#include "apps/ncloud/volume_files.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "apps/ncloud/terminal.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

namespace ncloud {

std::vector<api::VolumeFile> files_of(api::Client& client, const std::string& volume) {
  std::vector<api::VolumeFile> files;
  api::ListVolumeFiles request{.volume = volume};
  do {
    api::Page<api::VolumeFile> page = client.call(api::list_volume_files, request);
    for (api::VolumeFile& file : page.items) {
      try {
        api::check_volume_path(file.path);
      } catch (const base::Error& error) {
        throw base::Error(base::Code::data_loss,
                          fmt::format("the server named a file that cannot be: {}", error.message));
      }
      files.push_back(std::move(file));
    }
    request.page_token = page.next_page_token;
  } while (!request.page_token.empty());
  std::sort(files.begin(), files.end(),
            [](const api::VolumeFile& a, const api::VolumeFile& b) { return a.path < b.path; });
  return files;
}

bool is_inside(std::string_view path, std::string_view of) {
  return of.empty() || path == of || (path.starts_with(of) && path.substr(of.size()).starts_with('/'));
}

std::string without_slashes(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path;
}

void in_threads(int threads, std::size_t count, const std::function<Work()>& make_work) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto run = [&] {
    try {
      const Work work = make_work();
      for (std::size_t i; (i = next++) < count;) {
        if (interrupted()) throw base::Error(base::Code::interrupted, "interrupted");
        work(i);
      }
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads && static_cast<std::size_t>(i) < count; ++i) others.emplace_back(run);
  run();
  for (std::thread& thread : others) thread.join();
  if (failure) std::rethrow_exception(failure);
}

struct Progress::State {
  std::string verb;
  std::int64_t total_bytes;
  std::int64_t begin_us = base::steady_now_us();
  std::atomic<std::int64_t> done_bytes = 0;
  LiveLine line;
  std::jthread drawing;

  void draw() {
    const std::int64_t done = done_bytes;
    const double seconds = static_cast<double>(base::steady_now_us() - begin_us) / 1e6;
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    std::vector<LivePart> parts{
        {fmt::format("{} {:3.0f} %", verb, 100.0 * static_cast<double>(done) / static_cast<double>(total_bytes))},
        {fmt::format("{} of {}", base::size_text(done), base::size_text(total_bytes)), 2},
        {fmt::format("{}/s", base::size_text(static_cast<std::int64_t>(rate))), 3}};
    if (rate > 0 && done < total_bytes)
      parts.push_back({fmt::format("ETA {}", base::duration_text(static_cast<double>(total_bytes - done) / rate)), 1});
    line.draw(parts);
  }
};

Progress::Progress(std::string_view verb, std::int64_t total_bytes)
    : state_(std::make_unique<State>(std::string(verb), std::max<std::int64_t>(total_bytes, 1))) {
  if (!shows_live_lines()) return;
  state_->drawing = std::jthread([state = state_.get()](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      state->draw();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
}

Progress::~Progress() = default;

void Progress::add(std::int64_t bytes) { state_->done_bytes += bytes; }

}  // namespace ncloud

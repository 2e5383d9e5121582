#pragma once
#include <functional>
#include <string>
#include <vector>

#include "apps/ncloud/session.h"

namespace ncloud {

/// All files of a volume, in the order of their paths. Errors: data_loss for a path that no volume has.
std::vector<api::VolumeFile> files_of(api::Client& client, const std::string& volume);

/// Whether a path is `of` or lies in that folder; all do when it is empty.
bool is_inside(std::string_view path, std::string_view of);

/// "tables/" as people type it for a folder, without the slashes at its end.
std::string without_slashes(std::string path);

/// Does `work(i)` for 0 to `count` in `threads` threads, each with a `work` of its own. The first failure, and Ctrl-C,
/// end it.
using Work = std::function<void(std::size_t i)>;
void in_threads(int threads, std::size_t count, const std::function<Work()>& make_work);

/// Shows how many of so many bytes are done until it is destroyed: a live line on a terminal.
class Progress {
 public:
  Progress(std::string_view verb, std::int64_t total_bytes);
  ~Progress();
  Progress(const Progress&) = delete;
  void add(std::int64_t bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ncloud

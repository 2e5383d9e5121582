#pragma once
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/disk/object_folder.h"
#include "cloud/store.h"

namespace cloud {

/// Bytes by content: equal bytes are stored once and counted by the rows that refer to them. Threads: any.
///
/// To add: `pin = put(bytes)` writes the file; inside a transaction `refer(db, pin)` counts it. Without a refer (the
/// transaction failed), the file goes when the pin does. To drop: `release(db, sha)` in a transaction, and after its
/// commit `collect(sha)`.
class Objects {
 public:
  Objects(Store& store, const std::filesystem::path& folder);

  /// Keeps a file from being collected while it is being referred to.
  class Pin {
   public:
    Pin(Objects& objects, std::string sha256);
    ~Pin();
    Pin(Pin&& other) noexcept;
    Pin& operator=(Pin&&) = delete;
    const std::string& sha256() const { return sha256_; }
    std::int64_t size_bytes() const { return size_bytes_; }

   private:
    friend class Objects;
    Objects* objects_;
    std::string sha256_;
    std::int64_t size_bytes_ = 0;
  };

  /// Stores bytes whose SHA-256 the caller has computed. Errors: disk_full; nothing is half-written.
  Pin put(std::string_view bytes, const std::string& sha256);

  /// Takes a file over and checks its bytes. Errors: data_loss when they are not those of `sha256`.
  Pin adopt(const std::filesystem::path& file, const std::string& sha256);

  void refer(Database& db, const Pin& pin);

  /// One reference less; the bytes this frees once it is committed and collected (0 while others refer to it).
  std::int64_t release(Database& db, std::string_view sha256);
  void collect(const std::string& sha256);
  void collect(const std::vector<std::string>& sha256s);

  std::filesystem::path path_of(std::string_view sha256) const { return folder_.path_of(sha256); }

  /// At the start: removes what a crash left behind.
  std::int64_t sweep();

 private:
  void unpin(const std::string& sha256);
  void remove_if_unused(const std::string& sha256);  // with mutex_ held

  Store& store_;
  ObjectFolder folder_;
  std::mutex mutex_;
  std::map<std::string, int> pins_;
};

}  // namespace cloud

#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "api/resources/models.h"
#include "api/resources/volumes.h"
#include "cloud/objects.h"
#include "cloud/store.h"

namespace cloud {

inline constexpr std::int64_t kMostVolumeFiles = 20000;
inline constexpr std::int64_t kPieceKeptUs = std::int64_t{86400} * 1000000;  ///< of one that nobody made a file of

// All inside a transaction.

/// Id of the tenant's volume of that id or name. Errors: not_found, also for one of another tenant.
std::int64_t volume_id_of(Database& db, std::int64_t tenant_id, std::string_view reference);
api::Volume volume_with(Database& db, std::int64_t id);

/// In the order of their paths.
std::vector<api::VolumeFile> files_of_volume(Database& db, std::int64_t id);

/// Errors: invalid_argument for a place where a job has other things, and for places that are in each other.
void check_places(const std::vector<api::VolumeUse>& uses);

/// Changes the files of a volume as one new version; a change that changes nothing makes none. What goes is released,
/// and named in released() to be collected after the commit.
class VolumeChange {
 public:
  VolumeChange(Database& db, Objects& objects, std::int64_t volume);

  /// A path names a file, or a folder with all in it. Errors: not_found; conflict when there is something at `to`.
  void move(std::string_view from, std::string_view to);
  void remove(std::string_view path);

  /// The bytes are those of an object that has references already, or of one that is pinned.
  void put(const std::string& path, const std::string& sha256, std::int64_t size_bytes,
           const Objects::Pin* pin = nullptr);

  /// Last. Errors: conflict for a file that is also a folder; over_allotment for too many.
  void finish();

  const std::vector<std::string>& released() const { return released_; }

 private:
  void check_place(std::string_view path) const;

  Database& db_;
  Objects& objects_;
  std::int64_t volume_, version_;
  bool changed_ = false;
  std::vector<std::string> placed_, released_;
};

}  // namespace cloud

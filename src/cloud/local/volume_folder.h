#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fields.h"
#include "cloud/disk/object_folder.h"
#include "cloud/worker.h"

namespace cloud {

/// A volume as one job finds it: a folder of files. Read-only ones are hard links to the objects; of the others the job
/// has copies of its own, and a record beside the folder says what they were, so that what it changed can be told,
/// also by another daemon.
class VolumeFolder {
 public:
  explicit VolumeFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Makes and fills the folder. Errors: disk_full; data_loss for an object that is not there.
  void fill(const Mount& mount, const ObjectFolder& objects) const;

  /// What a job has changed that can do so no more. Nothing when it could not, or when the machine was restarted
  /// meanwhile: what it wrote may be torn then.
  std::optional<Written> written() const;

  /// Why a job must not go on writing; empty while it may.
  std::string overflow(std::int64_t limit_bytes, const std::filesystem::path& disk) const;

 private:
  std::filesystem::path record() const { return folder_.string() + ".record"; }

  std::filesystem::path folder_;
};

}  // namespace cloud

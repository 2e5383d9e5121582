#pragma once
#include "api/operation.h"
#include "api/resources/datasets.h"

namespace api {

/// Files and folders of a tenant that no manifest fits: vocabularies, tables, metadata. Each change makes a new version
/// of the whole.
struct Volume {
  std::int64_t id = 0;
  std::string name;
  std::int64_t version = 0;
  std::int64_t file_count = 0;
  std::int64_t size_bytes = 0;
  std::string created_at;
  std::string changed_at;
  static constexpr auto fields() {
    return std::tuple(base::field("id", &Volume::id, "number"),
                      base::field("name", &Volume::name, "unique in the tenant"),
                      base::field("version", &Volume::version, "how often its files have changed"),
                      base::field("file_count", &Volume::file_count, "files in it"),
                      base::field("size_bytes", &Volume::size_bytes, "of all its files"),
                      base::field("created_at", &Volume::created_at, "RFC 3339, UTC"),
                      base::field("changed_at", &Volume::changed_at, "when its files changed last"));
  }
};

struct VolumeFile {
  std::string path;
  std::int64_t size_bytes = 0;
  std::string sha256;
  std::int64_t version = 0;
  static constexpr auto fields() {
    return std::tuple(base::field("path", &VolumeFile::path, "in the volume, such as tables/words.txt"),
                      base::field("size_bytes", &VolumeFile::size_bytes, "bytes"),
                      base::field("sha256", &VolumeFile::sha256, "of its bytes"),
                      base::field("version", &VolumeFile::version, "of the volume in which it became what it is"));
  }
};

/// How long a path in a volume may be, and how the parts of it.
inline constexpr std::size_t kVolumePathBytes = 1024, kVolumeNameBytes = 255, kVolumePathDepth = 64;
inline constexpr TextForm kVolumePath{
    .said = "a path inside of the volume, such as tables/words.txt, without control characters",
    .shortest = 1,
    .longest = kVolumePathBytes,
    .pattern = kTitle.pattern};

/// Errors: invalid_argument for what is no path inside of a volume: an absolute one, "..", an empty name, one too long.
void check_volume_path(std::string_view path, std::string_view where = {});

struct VolumeRef {
  std::string volume;
  static constexpr auto fields() {
    return std::tuple(base::field("volume", &VolumeRef::volume, "id or name").like(kReference).required().positional());
  }
};

struct CreateVolume {
  std::string name;
  static constexpr auto fields() {
    return std::tuple(base::field("name", &CreateVolume::name, "letters, digits, '-', '_' and '.'; at most 64")
                          .like(kName)
                          .required()
                          .positional()
                          .such_as("words"));
  }
};

struct RenameVolume {
  std::string volume;
  std::string name;
  static constexpr auto fields() {
    return std::tuple(
        base::field("volume", &RenameVolume::volume, "id or name").like(kReference).required().positional(),
        base::field("name", &RenameVolume::name, "the new name").like(kName).required().positional());
  }
};

struct DeleteVolume {
  std::string volume;
  bool force = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("volume", &DeleteVolume::volume, "id or name").like(kReference).required().positional(),
        base::field("force", &DeleteVolume::force, "also when stopped or failed models were trained with it"));
  }
};

struct ListVolumeFiles {
  std::string volume;
  int page_size = 1000;
  std::string page_token;
  static constexpr auto fields() {
    return std::tuple(
        base::field("volume", &ListVolumeFiles::volume, "id or name").like(kReference).required().positional(),
        base::field("page_size", &ListVolumeFiles::page_size, "entries at most in one answer").range(1, 1000),
        base::field("page_token", &ListVolumeFiles::page_token, "next_page_token of the answer before")
            .empty_or_like(kPageToken));
  }
};

struct VolumeContent {
  std::string volume;
  std::string path;
  static constexpr auto fields() {
    return std::tuple(base::field("volume", &VolumeContent::volume, "id or name").like(kReference).required(),
                      base::field("path", &VolumeContent::path, "of a file in it").like(kVolumePath).required());
  }
};

/// Bytes that a later change of the volume makes a file, or a part of one.
struct PutPiece {
  std::string volume;
  std::string sha256;
  static constexpr auto fields() {
    return std::tuple(
        base::field("volume", &PutPiece::volume, "id or name").like(kReference).required(),
        base::field("sha256", &PutPiece::sha256, "SHA-256 of the piece, checked on arrival").like(kSha256).required());
  }
};

struct Piece {
  std::int64_t size_bytes = 0;
  std::string sha256;
  static constexpr auto fields() {
    return std::tuple(base::field("size_bytes", &Piece::size_bytes, "bytes"),
                      base::field("sha256", &Piece::sha256, "of the piece's bytes"));
  }
};

inline constexpr std::size_t kMostVolumeChanges = 10000;  ///< in one request

/// Which bytes must be sent before they can be files of the volume.
struct AskMissing {
  std::string volume;
  std::vector<std::string> sha256s;
  static constexpr auto fields() {
    return std::tuple(base::field("volume", &AskMissing::volume, "id or name").like(kReference).required(),
                      base::field("sha256s", &AskMissing::sha256s, "of files and of pieces")
                          .like(kSha256)
                          .items(0, kMostVolumeChanges)
                          .required());
  }
};

struct Missing {
  std::vector<std::string> sha256s;
  static constexpr auto fields() {
    return std::tuple(
        base::field("sha256s", &Missing::sha256s, "those that are neither files of the volume nor arrived pieces"));
  }
};

struct VolumePut {
  std::string path;
  std::string sha256;
  std::vector<std::string> pieces;
  static constexpr auto fields() {
    return std::tuple(
        base::field("path", &VolumePut::path, "where the file is to be").like(kVolumePath).required(),
        base::field("sha256", &VolumePut::sha256, "of the file's bytes: of a file that is there, or of pieces")
            .like(kSha256)
            .required(),
        base::field("pieces", &VolumePut::pieces, "that make up the file, in order; none: it is one piece, or there")
            .like(kSha256)
            .items(0, kMostVolumeChanges));
  }
};

struct VolumeMove {
  std::string from, to;
  static constexpr auto fields() {
    return std::tuple(base::field("from", &VolumeMove::from, "a file or a folder").like(kVolumePath).required(),
                      base::field("to", &VolumeMove::to, "its new path").like(kVolumePath).required());
  }
};

/// Changes of the files of a volume: moves, then removals, then new files. All happen, as one new version, or none.
struct ChangeVolume {
  std::string volume;
  std::vector<VolumeMove> moves;
  std::vector<std::string> removes;
  std::vector<VolumePut> puts;
  static constexpr auto fields() {
    return std::tuple(
        base::field("volume", &ChangeVolume::volume, "id or name").like(kReference).required(),
        base::field("moves", &ChangeVolume::moves, "new paths for what is there").items(0, kMostVolumeChanges),
        base::field("removes", &ChangeVolume::removes, "paths of files, or of folders with all in them")
            .like(kVolumePath)
            .items(0, kMostVolumeChanges),
        base::field("puts", &ChangeVolume::puts, "files to add or to replace").items(0, kMostVolumeChanges));
  }
};

inline constexpr std::size_t kPieceLimitBytes = std::size_t{64} << 20;

extern const Operation<CreateVolume, Volume> create_volume;
extern const Operation<PageRequest, Page<Volume>> list_volumes;
extern const Operation<VolumeRef, Volume> get_volume;
extern const Operation<RenameVolume, Volume> rename_volume;
extern const Operation<DeleteVolume, Deleted> delete_volume;
extern const Operation<ListVolumeFiles, Page<VolumeFile>> list_volume_files;
extern const Operation<VolumeContent, Bytes> get_volume_content;
extern const Operation<AskMissing, Missing> list_missing;
extern const Operation<PutPiece, Piece, true> put_piece;
extern const Operation<ChangeVolume, Volume> change_volume;

}  // namespace api

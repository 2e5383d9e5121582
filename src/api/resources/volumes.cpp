#include "api/resources/volumes.h"

#include "base/error.h"
#include "base/log.h"

namespace api {

using base::Code;

void check_volume_path(std::string_view path, std::string_view where) {
  const auto refuse = [&](std::string_view why) {
    throw base::Error(Code::invalid_argument,
                      fmt::format("expected {}; '{}' {}", kVolumePath.said, base::printable(path, 200), why),
                      std::string(where));
  };
  if (path.size() > kVolumePathBytes) refuse(fmt::format("has {} bytes of at most {}", path.size(), kVolumePathBytes));
  if (path.starts_with('/')) refuse("is absolute");
  std::size_t depth = 0;
  for (std::string_view rest = path;;) {
    const auto slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    if (name.empty()) refuse("has an empty name");
    if (name == "." || name == "..") refuse(fmt::format("has the name '{}'", name));
    if (name.size() > kVolumeNameBytes) refuse(fmt::format("has a name of over {} bytes", kVolumeNameBytes));
    for (const char c : name)
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') refuse("has a control character");
    if (++depth > kVolumePathDepth) refuse(fmt::format("has over {} names", kVolumePathDepth));
    if (slash == std::string_view::npos) return;
    rest.remove_prefix(slash + 1);
  }
}

const Operation<CreateVolume, Volume> create_volume{{.name = "create_volume",
                                                     .method = Method::post,
                                                     .path = "/api/v2/volumes",
                                                     .permission = Permission::member,
                                                     .summary = "Add a volume, empty at first",
                                                     .command = "volume add",
                                                     .done = "volume {name} added",
                                                     .errors = {Code::conflict, Code::over_allotment},
                                                     .example = R"({"name": "words"})",
                                                     .creates = true}};

const Operation<PageRequest, Page<Volume>> list_volumes{{.name = "list_volumes",
                                                         .method = Method::get,
                                                         .path = "/api/v2/volumes",
                                                         .permission = Permission::viewer,
                                                         .summary = "List volumes",
                                                         .command = "volume ls"}};

const Operation<VolumeRef, Volume> get_volume{{.name = "get_volume",
                                               .method = Method::get,
                                               .path = "/api/v2/volumes/{volume}",
                                               .permission = Permission::viewer,
                                               .summary = "Show a volume",
                                               .command = "volume show"}};

const Operation<RenameVolume, Volume> rename_volume{{.name = "rename_volume",
                                                     .method = Method::patch,
                                                     .path = "/api/v2/volumes/{volume}",
                                                     .permission = Permission::member,
                                                     .summary = "Give a volume another name",
                                                     .command = "volume mv",
                                                     .errors = {Code::conflict, Code::precondition_failed},
                                                     .example = R"({"name": "words-of-2026"})"}};

const Operation<DeleteVolume, Deleted> delete_volume{
    {.name = "delete_volume",
     .method = Method::del,
     .path = "/api/v2/volumes/{volume}",
     .permission = Permission::member,
     .summary = "Remove a volume and say how much storage that gave back",
     .command = "volume rm",
     .errors = {Code::conflict}}};

const Operation<ListVolumeFiles, Page<VolumeFile>> list_volume_files{{.name = "list_volume_files",
                                                                      .method = Method::get,
                                                                      .path = "/api/v2/volumes/{volume}/files",
                                                                      .permission = Permission::viewer,
                                                                      .summary = "List the files of a volume",
                                                                      .command = ""}};

const Operation<VolumeContent, Bytes> get_volume_content{{.name = "get_volume_content",
                                                          .method = Method::get,
                                                          .path = "/api/v2/volumes/{volume}/content",
                                                          .permission = Permission::viewer,
                                                          .summary = "Download a file of a volume",
                                                          .command = "",
                                                          .errors = {Code::data_loss}}};

const Operation<AskMissing, Missing> list_missing{
    {.name = "list_missing",
     .method = Method::post,
     .path = "/api/v2/volumes/{volume}/missing",
     .permission = Permission::member,
     .summary = "Say which bytes are not there yet, so that an upload sends nothing twice",
     .command = "",
     .example = R"({"sha256s": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]})",
     .is_unrecorded = true}};

const Operation<PutPiece, Piece, true> put_piece{
    {.name = "put_piece",
     .method = Method::put,
     .path = "/api/v2/volumes/{volume}/pieces/{sha256}",
     .permission = Permission::member,
     .summary = "Upload bytes for a file of a volume; a change of the volume within a day makes a file of them",
     .command = "",
     .errors = {Code::too_large, Code::over_allotment, Code::disk_full},
     .body_limit_bytes = kPieceLimitBytes,
     .is_unrecorded = true}};

const Operation<ChangeVolume, Volume> change_volume{
    {.name = "change_volume",
     .method = Method::patch,
     .path = "/api/v2/volumes/{volume}/files",
     .permission = Permission::member,
     .summary = "Add, replace, move and remove files of a volume: all of it as one new version, or nothing",
     .command = "",
     .errors = {Code::conflict, Code::too_large, Code::over_allotment, Code::disk_full, Code::precondition_failed},
     .example =
         R"({"puts": [{"path": "words.txt", "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]})",
     .body_limit_bytes = std::size_t{8} << 20}};

}  // namespace api

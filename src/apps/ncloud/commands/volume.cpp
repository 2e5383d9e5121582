// What is in a volume: looked at, moved and removed.
#include "apps/ncloud/command.h"
#include "apps/ncloud/volume_files.h"
#include "apps/ncloud/wait.h"
#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"

namespace ncloud {
namespace {

int show(Session& session, const api::VolumeRef& options) {
  const api::Volume volume = session.client().call(api::get_volume, options);
  base::json::array files;
  for (const api::VolumeFile& file : files_of(session.client(), options.volume)) files.push_back(base::encode(file));
  base::json::value answer = base::encode(volume);
  if (session.format() != Format::table) {
    answer.as_object()["files"] = std::move(files);
    session.show(answer);
    return 0;
  }
  session.show(answer);
  if (files.empty()) return 0;
  session.print("\n");
  session.show(std::move(files), {"path", "size_bytes", "version", "sha256"});
  return 0;
}

struct Move {
  std::string volume, name, to;
  static constexpr auto fields() {
    return std::tuple(base::field("volume", &Move::volume, "id or name of the volume").required().positional(),
                      base::field("name", &Move::name, "its new name; or, with a third word, a file or folder in it")
                          .required()
                          .positional(),
                      base::field("to", &Move::to, "new path of that file or folder").positional());
  }
};

int move(Session& session, const Move& options) {
  api::Client& client = session.client();
  if (options.to.empty()) {
    const api::Volume renamed = client.call(api::rename_volume, {.volume = options.volume, .name = options.name});
    session.did(fmt::format("volume {} is called {} now", options.volume, renamed.name), renamed);
    return 0;
  }
  const api::VolumeMove step{without_slashes(options.name), without_slashes(options.to)};
  const api::Volume after = client.call(api::change_volume, {.volume = options.volume, .moves = {step}});
  session.did(fmt::format("{} of volume {} is {} now; version {}", step.from, after.name, step.to, after.version),
              after);
  return 0;
}

struct Remove {
  std::string volume;
  std::vector<std::string> paths;
  bool force = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("volume", &Remove::volume, "id or name of the volume").required().positional(),
        base::field("paths", &Remove::paths, "files and folders in it; none: the volume with all in it").positional(),
        base::field("force", &Remove::force, "also when stopped or failed models were trained with it"));
  }
};

int remove(Session& session, const Remove& options) {
  api::Client& client = session.client();
  if (options.paths.empty()) {
    const api::Deleted deleted = client.call(api::delete_volume, {.volume = options.volume, .force = options.force});
    session.did(fmt::format("volume {} removed, {} freed{}{}", options.volume, base::size_text(deleted.freed_bytes),
                            deleted.note.empty() ? "" : "; ", deleted.note),
                deleted);
    return 0;
  }
  api::ChangeVolume request{.volume = options.volume};
  for (const std::string& path : options.paths) request.removes.push_back(without_slashes(path));
  const std::int64_t before = client.call(api::get_volume, {.volume = options.volume}).size_bytes;
  const api::Volume after = client.call(api::change_volume, request);
  session.did(
      fmt::format("{} removed from volume {}, {} freed; version {}", base::counted(std::ssize(request.removes), "path"),
                  after.name, base::size_text(std::max<std::int64_t>(before - after.size_bytes, 0)), after.version),
      after);
  return 0;
}

const Shelved shelved_show(command("volume show", "Show a volume and its files", show));
const Shelved shelved_move(command("volume mv", "Rename a volume, or move a file or a folder in it", move));
const Shelved shelved_remove(command("volume rm", "Remove a volume, or files and folders in it", remove));

}  // namespace
}  // namespace ncloud

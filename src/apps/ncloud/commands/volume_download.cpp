#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"
#include "apps/ncloud/volume_files.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"

namespace ncloud {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;

struct Download {
  std::string volume;
  std::string path;
  std::string folder = ".";
  int threads = 4;
  static constexpr auto fields() {
    return std::tuple(
        base::field("volume", &Download::volume, "id or name of the volume").required().positional(),
        base::field("path", &Download::path, "a file or a folder in it; all when left out").positional(),
        base::field("folder", &Download::folder, "where to put them; - writes one file to standard output").flag('f'),
        base::field("threads", &Download::threads, "connections").range(1, 64).flag('j'));
  }
};

std::vector<api::VolumeFile> chosen(api::Client& client, const Download& options) {
  const std::string path = without_slashes(options.path);
  std::vector<api::VolumeFile> files;
  for (api::VolumeFile& file : files_of(client, options.volume))
    if (is_inside(file.path, path)) files.push_back(std::move(file));
  if (files.empty() && !path.empty())
    throw Error(Code::not_found,
                fmt::format("volume '{0}' has no '{1}'; see: ncloud volume show {0}", options.volume, path));
  return files;
}

bool is_there(const fs::path& file, const api::VolumeFile& wanted) {
  std::error_code unknown;
  return fs::is_regular_file(fs::symlink_status(file, unknown)) &&
         static_cast<std::int64_t>(fs::file_size(file, unknown)) == wanted.size_bytes &&
         base::sha256_of_file(file) == wanted.sha256;
}

// Nothing in the folder may lead a file out of it.
void make_folders_of(const fs::path& root, const fs::path& relative) {
  fs::path folder = root;
  base::make_folders(folder);
  for (const fs::path& name : relative.parent_path()) {
    folder /= name;
    if (fs::is_symlink(folder))
      throw Error(Code::conflict,
                  fmt::format("'{}' is a symbolic link, and files of the volume would go through it", folder.string()));
    base::make_folders(folder);
  }
}

int download(Session& session, const Download& options) {
  const std::vector<api::VolumeFile> files = chosen(session.client(), options);
  if (options.folder == "-") {
    if (files.size() != 1)
      throw Error(Code::invalid_argument, fmt::format("only one file can go to standard output, and there are {}; name "
                                                      "one of them",
                                                      files.size()));
    session.print(
        session.client().call(api::get_volume_content, {.volume = options.volume, .path = files[0].path}).content);
    return 0;
  }
  std::int64_t bytes = 0;
  for (const api::VolumeFile& file : files) bytes += file.size_bytes;
  std::atomic<std::int64_t> fetched = 0, kept = 0;
  {
    Progress progress("downloading", bytes);
    in_threads(options.threads, files.size(), [&] {
      return [&, client = std::make_shared<api::Client>(session.new_client())](std::size_t i) {
        const api::VolumeFile& file = files[i];
        const fs::path target = fs::path(options.folder) / file.path;
        if (is_there(target, file)) {
          ++kept;
        } else {
          const api::Bytes content =
              client->call(api::get_volume_content, {.volume = options.volume, .path = file.path});
          if (base::sha256(content.content) != file.sha256)
            throw Error(Code::conflict, fmt::format("'{}' changed on the server meanwhile; try again", file.path));
          make_folders_of(options.folder, file.path);
          base::write_file_atomically(target, content.content);
          ++fetched;
        }
        progress.add(file.size_bytes);
      };
    });
  }
  session.note(fmt::format("{} written to {}{}", base::counted(fetched.load(), "file"), options.folder,
                           kept > 0 ? fmt::format("; {} there already", kept.load()) : ""));
  return 0;
}

const Shelved shelved(command("volume download",
                              "Write files of a volume to a folder; what is there already is not fetched again",
                              download));

}  // namespace
}  // namespace ncloud

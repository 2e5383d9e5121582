#include <set>

#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"
#include "apps/ncloud/volume_files.h"
#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/sha256.h"

namespace ncloud {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;

// Fixed, because a resumed upload must cut files at the same places.
constexpr std::int64_t kPieceBytes = std::int64_t{8} << 20;
constexpr std::size_t kPutsAtOnce = 2000;
constexpr std::size_t kAskedAtOnce = api::kMostVolumeChanges;

struct UploadFiles {
  std::string volume;
  std::vector<std::string> files;
  std::string folder;
  bool follow_symlinks = false;
  int threads = 4;
  static constexpr auto fields() {
    return std::tuple(
        base::field("volume", &UploadFiles::volume, "id or name of the volume").required().positional(),
        base::field("files", &UploadFiles::files, "files, which keep their names, and folders, whose content is taken")
            .required()
            .positional(),
        base::field("folder", &UploadFiles::folder, "folder of the volume to put them into").flag('f'),
        base::field("follow_symlinks", &UploadFiles::follow_symlinks,
                    "take what symbolic links in the folders lead to, too"),
        base::field("threads", &UploadFiles::threads, "connections").range(1, 64).flag('j'));
  }
};

/// A file to be: where it goes and what it holds.
struct Local {
  std::string path;
  fs::path file;
  std::int64_t size_bytes = 0;
  std::string sha256;
  std::vector<std::string> pieces;
};

struct Gathered {
  std::vector<Local> files;
  std::int64_t hidden = 0, links = 0, others = 0;
};

void add_file(Gathered& gathered, const fs::path& file, const std::string& path) {
  api::check_volume_path(path);
  gathered.files.push_back({.path = path, .file = file, .size_bytes = static_cast<std::int64_t>(fs::file_size(file))});
}

// Names that begin with a dot are left out, and so are pipes, devices and (without follow_symlinks) links.
void add_folder(Gathered& gathered, const fs::path& folder, const std::string& prefix, bool follow) {
  auto entry = fs::recursive_directory_iterator(
      folder, follow ? fs::directory_options::follow_directory_symlink : fs::directory_options::none);
  for (; entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry.depth() > static_cast<int>(api::kVolumePathDepth))
      throw Error(Code::invalid_argument,
                  fmt::format("'{}' is too deep; does a link lead back to where it is?", entry->path().string()));
    if (entry->path().filename().string().starts_with('.')) {
      ++gathered.hidden;
      entry.disable_recursion_pending();
    } else if (entry->is_symlink() && !follow) {
      ++gathered.links;
    } else if (entry->is_regular_file()) {
      add_file(gathered, entry->path(), prefix + entry->path().lexically_relative(folder).generic_string());
    } else if (!entry->is_directory()) {
      ++gathered.others;
    }
  }
}

Gathered gather(const UploadFiles& options) {
  const std::string folder = without_slashes(options.folder);
  const std::string prefix = folder.empty() ? "" : folder + "/";
  Gathered gathered;
  try {
    for (const std::string& name : options.files) {
      const fs::path file = without_slashes(name).empty() ? name : without_slashes(name);
      if (fs::is_directory(file))
        add_folder(gathered, file, prefix, options.follow_symlinks);
      else if (fs::is_regular_file(file))
        add_file(gathered, file, prefix + file.filename().string());
      else
        throw Error(Code::not_found, fmt::format("there is no file or folder '{}'", name));
    }
  } catch (const fs::filesystem_error& error) {
    throw base::system_error(fmt::format("cannot read '{}'", error.path1().string()), error.code().value());
  }
  std::map<std::string_view, const Local*> places;
  for (const Local& local : gathered.files)
    if (const auto [before, is_new] = places.emplace(local.path, &local); !is_new)
      throw Error(Code::invalid_argument,
                  fmt::format("'{}' and '{}' would both become '{}'; upload one of them with --folder",
                              before->second->file.string(), local.file.string(), local.path));
  return gathered;
}

template <class Visit>
void for_each_piece(const fs::path& file, Visit visit) {
  const base::Fd open = base::open_for_reading(file);
  std::string piece(static_cast<std::size_t>(kPieceBytes), '\0');
  for (;;) {
    std::size_t filled = 0;
    while (filled < piece.size()) {
      const std::size_t got = base::read_some(open, {piece.data() + filled, piece.size() - filled});
      if (got == 0) break;
      filled += got;
    }
    if (!visit(std::string_view(piece).substr(0, filled)) || filled < piece.size()) return;
  }
}

void hash(Local& local) {
  base::Sha256 whole;
  local.size_bytes = 0;
  for_each_piece(local.file, [&](std::string_view bytes) {
    if (interrupted()) throw Error(Code::interrupted, "interrupted");
    if (bytes.empty() && !local.pieces.empty()) return false;  // the end fell on a piece's
    whole.add(bytes);
    local.pieces.push_back(base::sha256(bytes));
    local.size_bytes += static_cast<std::int64_t>(bytes.size());
    return true;
  });
  local.sha256 = whole.finish();
}

std::set<std::string> missing_of(api::Client& client, const std::string& volume, const std::set<std::string>& asked) {
  std::set<std::string> missing;
  api::AskMissing request{.volume = volume};
  const auto ask = [&] {
    for (std::string& sha256 : client.call(api::list_missing, request).sha256s) missing.insert(std::move(sha256));
    request.sha256s.clear();
  };
  for (const std::string& sha256 : asked) {
    request.sha256s.push_back(sha256);
    if (request.sha256s.size() == kAskedAtOnce) ask();
  }
  if (!request.sha256s.empty()) ask();
  return missing;
}

// Those pieces of a file that the server lacks.
void send(api::Client& client, const std::string& volume, const Local& local, const std::set<std::string>& missing,
          Progress& progress) {
  std::size_t i = 0;
  for_each_piece(local.file, [&](std::string_view bytes) {
    if (interrupted()) throw Error(Code::interrupted, "interrupted");
    if (bytes.empty() && i > 0) return false;
    const bool is_same = i < local.pieces.size() && base::sha256(bytes) == local.pieces[i];
    if (!is_same)
      throw Error(Code::conflict, fmt::format("'{}' changed while it was uploaded; try again", local.file.string()));
    if (missing.contains(local.pieces[i])) {
      client.call(api::put_piece, {.volume = volume, .sha256 = local.pieces[i]}, bytes);
      progress.add(static_cast<std::int64_t>(bytes.size()));
    }
    ++i;
    return true;
  });
}

void note_left_out(const Session& session, const Gathered& gathered) {
  if (gathered.hidden > 0)
    session.note(fmt::format("{} left out that begin with a dot; name such a file itself to upload it",
                             base::counted(gathered.hidden, "name")));
  if (gathered.links > 0)
    session.note(fmt::format("{} left out; take what is behind them with --follow-symlinks",
                             base::counted(gathered.links, "symbolic link")));
  if (gathered.others > 0)
    session.note(fmt::format("{} left out, which is no file", base::counted(gathered.others, "thing")));
}

int upload(Session& session, const UploadFiles& options) {
  Gathered gathered = gather(options);
  note_left_out(session, gathered);
  std::vector<Local>& files = gathered.files;
  api::Client& client = session.client();
  const std::string volume = std::to_string(client.call(api::get_volume, {.volume = options.volume}).id);
  std::map<std::string, std::string> there;
  for (const api::VolumeFile& file : files_of(client, volume)) there[file.path] = file.sha256;

  const std::int64_t start_us = base::steady_now_us();
  std::vector<const Local*> changed;
  std::set<std::string> missing;
  std::int64_t bytes = 0;
  try {
    in_threads(options.threads, files.size(), [&] { return [&](std::size_t i) { hash(files[i]); }; });
    std::set<std::string> wholes, pieces;
    for (const Local& local : files)
      if (const auto found = there.find(local.path); found == there.end() || found->second != local.sha256) {
        changed.push_back(&local);
        wholes.insert(local.sha256);
      }
    const std::set<std::string> new_wholes = missing_of(client, volume, wholes);
    for (const Local* local : changed)
      if (new_wholes.contains(local->sha256)) pieces.insert(local->pieces.begin(), local->pieces.end());
    missing = missing_of(client, volume, pieces);
    std::vector<const Local*> to_send;  // of equal ones, one
    std::set<std::string> sent;
    for (const Local* local : changed) {
      if (!new_wholes.contains(local->sha256) || !sent.insert(local->sha256).second) continue;
      to_send.push_back(local);
      for (std::size_t i = 0; i < local->pieces.size(); ++i)
        if (missing.contains(local->pieces[i]))
          bytes += std::min(kPieceBytes, local->size_bytes - static_cast<std::int64_t>(i) * kPieceBytes);
    }
    Progress progress("uploading", bytes);
    in_threads(options.threads, to_send.size(), [&] {
      return [&, own = std::make_shared<api::Client>(session.new_client())](std::size_t i) {
        send(*own, volume, *to_send[i], missing, progress);
      };
    });
  } catch (const Error& error) {
    if (error.code != Code::interrupted) throw;
    session.note("interrupted: what was sent is kept for a day; the same command goes on from there");
    return base::kind_of(Code::interrupted).exit_code;
  }
  api::Volume after = client.call(api::get_volume, {.volume = volume});
  for (std::size_t begin = 0; begin < changed.size(); begin += kPutsAtOnce) {
    api::ChangeVolume request{.volume = volume};
    for (std::size_t i = begin; i < std::min(begin + kPutsAtOnce, changed.size()); ++i)
      request.puts.push_back(
          {.path = changed[i]->path,
           .sha256 = changed[i]->sha256,
           .pieces = changed[i]->pieces.size() > 1 ? changed[i]->pieces : std::vector<std::string>()});
    after = client.call(api::change_volume, request);
  }
  const std::int64_t same = std::ssize(files) - std::ssize(changed);
  session.did(fmt::format("volume {} has {} now, {}; version {}", after.name, base::counted(after.file_count, "file"),
                          base::size_text(after.size_bytes), after.version),
              after);
  session.note(fmt::format("{} new or changed, {} already there; {} sent in {}",
                           base::counted(std::ssize(changed), "file"), same, base::size_text(bytes),
                           base::duration_text(static_cast<double>(base::steady_now_us() - start_us) / 1e6)));
  return 0;
}

const Shelved shelved(command("volume upload",
                              "Put files and folders into a volume; only what changed is sent, and the same command "
                              "goes on after an interruption",
                              upload));

}  // namespace
}  // namespace ncloud

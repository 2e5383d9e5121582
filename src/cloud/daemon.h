#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "api/router.h"
#include "cloud/answers.h"
#include "cloud/event_log.h"
#include "cloud/handlers/handlers.h"
#include "cloud/health.h"
#include "cloud/history.h"
#include "cloud/identity.h"
#include "cloud/logins.h"
#include "cloud/objects.h"
#include "cloud/store.h"
#include "cloud/supervisor.h"
#include "cloud/worker.h"

namespace cloud {

/// A data folder that is locked for this process. Errors: conflict naming the process that has it, and for a folder
/// with other things in it.
class DataFolder {
 public:
  explicit DataFolder(std::filesystem::path path);
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  base::Fd lock_;
};

/// What this machine has.
Machine this_machine();

/// The whole server without its wire: what it stores, its jobs, and the router that does what people ask. Members are
/// in the order in which they are made; each uses those above it.
class Daemon {
 public:
  Daemon(const std::filesystem::path& data_folder, std::unique_ptr<Worker> worker, Machine machine);

  /// Where the objects of a data folder are.
  static std::filesystem::path objects_in(const std::filesystem::path& data_folder) { return data_folder / "objects"; }

  /// Jobs get `grace_ms` to write checkpoints; the next start goes on with them.
  void close(int grace_ms) { supervisor_.close(grace_ms); }

  const api::Router& router() const { return router_; }
  Identities& identities() { return identities_; }
  api::IdempotencyStore& answers() { return answers_; }

  /// The administrator's secret, once: on the first start with this folder.
  const std::optional<std::string>& first_token() const { return first_token_; }

  /// When the server is about to stop: whoever asked with `wait` is answered now.
  void end_waits() { supervisor_.end_waits(); }

  /// Until all that follows from what has happened is done.
  void settle() { supervisor_.settle(); }

  /// What everything waits for and does not answer; empty when the daemon is well.
  std::string trouble() const { return health_.trouble(); }

  /// An administrator's secret for clients of this machine: `before` if that still is one, else a new one.
  std::string local_token(const std::string& before);

  /// Figures in Prometheus' text format.
  std::string metrics();

 private:
  std::string what_hangs();
  void do_chores();

  Store store_;
  History history_;
  Answers answers_;
  Objects objects_;
  Identities identities_;
  Logins logins_;
  std::optional<std::string> first_token_;
  EventLogs logs_;
  std::unique_ptr<Worker> worker_;
  Supervisor supervisor_;
  Machine machine_;
  api::Router router_;
  Health health_;
  std::jthread chores_;
};

}  // namespace cloud

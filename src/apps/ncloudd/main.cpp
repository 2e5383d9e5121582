// The daemon: binds the cloud to HTTP and to the local worker.
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <thread>

#include "api/access.h"
#include "api/http/server.h"
#include "apps/ncloudd/options.h"
#include "base/caught.h"
#include "base/log.h"
#include "cloud/daemon.h"
#include "cloud/local_worker.h"

namespace {

constexpr int kCloseGraceMs = 20000;
constexpr int kExitPatienceS = 60;  // from the signal; more than all graces together

void say(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

/// Lets `ncloud` of the same user find this daemon by itself for as long as what is returned lives.
base::Fd publish(cloud::Daemon& daemon, const cloud::DataFolder& folder, const ncloudd::Options& options,
                 std::uint16_t port) {
  const auto address = api::loopback_address(options.host, port);
  if (!address) return {};  // its token must not leave this machine
  try {
    const auto before = api::kept_access(folder.path());
    return api::publish_access(folder.path(), {*address, daemon.local_token(before ? before->token : "")});
  } catch (const base::Error& error) {
    base::log_warning("`ncloud` does not find this daemon by itself: {}", error.message);
    return {};
  }
}

/// Also beside a daemon that runs: the database takes two writers, and the daemon finds the token when it is used.
std::string new_admin_token(const std::filesystem::path& data_folder) {
  const auto database = data_folder / "ncloud.db";
  if (!std::filesystem::exists(database))
    throw base::Error(base::Code::not_found,
                      fmt::format("'{}' is no data folder of ncloudd; name it with --data-dir", data_folder.string()));
  cloud::Store store(database, cloud::Store::Schema::as_it_is);
  return cloud::Identities(store).new_admin_token("made by --new-admin-token");
}

void serve(const ncloudd::Options& options) {
  // Before any thread starts, so that all have it: signals go to the one thread that waits for them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::mallopt(M_ARENA_MAX, 2);  // an arena a thread would make an idle daemon several times larger

  cloud::Machine machine = cloud::this_machine();
  if (options.cpus > 0) machine.cpus = options.cpus;
  if (options.memory_bytes > 0) machine.memory_bytes = options.memory_bytes;

  if (options.new_admin_token) return say("admin token (shown once): " + new_admin_token(options.data_dir));
  const cloud::DataFolder folder(options.data_dir);
  if (!options.sandbox)
    base::log_warning("jobs run WITHOUT a sandbox (--no-sandbox): they can read and write what this user can");
  auto worker = cloud::make_local_worker(folder.path() / "jobs", cloud::Daemon::objects_in(folder.path()), options.neon,
                                         options.sandbox);
  cloud::Daemon daemon(folder.path(), std::move(worker), machine);
  if (daemon.first_token()) say("admin token (shown once): " + *daemon.first_token());

  api::Server server(daemon.router(),
                     [&](const api::Credentials& from) {
                       const auto identity = daemon.identities().authenticate(from.token, from.tenant);
                       if (!identity)
                         throw base::Error(base::Code::unauthenticated, "the token is unknown, revoked or expired");
                       return *identity;
                     },
                     {.host = options.host,
                      .port = options.port,
                      .allowed_hosts = options.allowed_hosts,
                      .private_folder = std::filesystem::absolute(options.data_dir).string()});
  server.keep_answers_in(daemon.answers());
  daemon.identities().on_change([&server] { server.check_tokens(); });
  server.plain_route("/healthz", [&] {
    const std::string hangs = daemon.trouble();
    if (hangs.empty()) return api::PlainAnswer{.content = "ok\n"};
    return api::PlainAnswer{.status = 503, .content = hangs + " does not answer\n"};
  });
  server.plain_route("/readyz", [] { return api::PlainAnswer{.content = "ready\n"}; });
  server.plain_route(
      "/metrics",
      [&] {
        return api::PlainAnswer{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                .content = daemon.metrics()};
      },
      api::PlainCost::may_wait, api::Permission::admin);
  const base::Fd access = publish(daemon, folder, options, server.port());
  say("address: " + server.url());

  // Nobody waits for this thread: it is there to end the process when others do not, and goes with it.
  std::promise<void> waits_ended;
  std::thread([&server, &daemon, &waits_ended, signals] {
    int signal = 0;
    ::sigwait(&signals, &signal);
    base::log_info("ending: {}; running jobs write checkpoints and go on with the next start",
                   signal == SIGINT ? "interrupted" : "asked to");
    std::thread([&daemon, &waits_ended] {  // apart, because this thread must end the process even if something hangs
      daemon.end_waits();
      waits_ended.set_value();
    })
        .detach();
    server.stop();
    // Asked twice, or something hangs: what still trains outlives this process, and the next start goes on with it.
    const timespec patience{.tv_sec = kExitPatienceS, .tv_nsec = 0};
    if (::sigtimedwait(&signals, nullptr, &patience) < 0 && errno == EAGAIN)
      base::log_error("not ended within {} s; gives up what is left", kExitPatienceS);
    ::_exit(130);
  }).detach();
  server.run();
  waits_ended.get_future().wait();
  daemon.close(kCloseGraceMs);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    ncloudd::Options options;
    int exit_code = 0;
    if (!parse_options(argc, argv, options, exit_code)) return exit_code;
    serve(options);
    return 0;
  } catch (...) {
    const base::Error error = base::caught();
    std::fprintf(stderr, "ncloudd: %s\n", error.what());
    return base::kind_of(error.code).exit_code;
  }
}

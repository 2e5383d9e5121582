#include "apps/ncloudd/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>

#include "api/access.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/version.h"

namespace ncloudd {
namespace {

std::filesystem::path beside_this_program(const char* name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return self.parent_path() / name;
}

void parse_address(std::string_view text, Options& options) {
  const auto colon = text.find_last_of(':');
  const std::string_view port = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("--listen expects HOST:PORT, such as 127.0.0.1:8642, got '{}'", text));
  options.host = text.substr(0, colon);
  if (options.host.size() > 2 && options.host.front() == '[' && options.host.back() == ']')
    options.host = options.host.substr(1, options.host.size() - 2);
}

}  // namespace

void declare(CLI::App& app, Options& options) {
  app.add_option("--data-dir", options.data_dir, "folder for everything that is kept (also: $NCLOUD_DATA_DIR)")
      ->type_name("FOLDER")
      ->default_str("~/.local/share/ncloud");
  app.add_option_function<std::string>(
         "--listen", [&options](const std::string& text) { parse_address(text, options); },
         "address to listen at; port 0: any free one")
      ->type_name("HOST:PORT")
      ->default_str("127.0.0.1:8642");
  app.add_option("--allowed-host", options.allowed_hosts,
                 "a further name that requests may use for this server, such as the public one behind a proxy; may be "
                 "given more than once")
      ->type_name("NAME")
      ->expected(1);
  app.add_option("--cpus", options.cpus, "CPUs to hand out to tenants")
      ->type_name("NUMBER")
      ->check(CLI::Range(1, 4096).description(""))
      ->default_str("all of the machine");
  app.add_option_function<std::string>(
         "--memory", [&options](const std::string& text) { options.memory_bytes = base::parse_size(text); },
         "memory to hand out to tenants, such as 8GiB")
      ->type_name("SIZE")
      ->default_str("all of the machine");
  app.add_option("--neon", options.neon, "the program that jobs run")
      ->type_name("FILE")
      ->default_str("neon, beside ncloudd");
  app.add_flag_callback(
      "--no-sandbox", [&options] { options.sandbox = false; },
      "run jobs as plain child processes; only if you trust everybody who may submit jobs");
  app.add_flag("--new-admin-token", options.new_admin_token,
               "when the administrator's token is lost: make one more, print it and end; also while ncloudd runs");
}

bool parse_options(int argc, char** argv, Options& options, int& exit_code) {
  CLI::App app(
      "ncloudd: a deep learning cloud on this machine. Programs: ncloud (its command line), neon (the training "
      "engine).",
      "ncloudd");
  declare(app, options);
  app.set_version_flag("--version", fmt::format("ncloudd {}", base::kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : base::kind_of(base::Code::invalid_argument).exit_code;
    return false;
  }
  if (options.data_dir.empty()) options.data_dir = api::default_data_folder();
  if (options.neon.empty()) options.neon = beside_this_program("neon");
  return true;
}

}  // namespace ncloudd

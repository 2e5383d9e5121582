#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ncloudd {

/// What the command line of ncloudd says.
struct Options {
  std::filesystem::path data_dir;  ///< empty: api::default_data_folder()
  std::string host = "127.0.0.1";
  std::uint16_t port = 8642;
  std::vector<std::string> allowed_hosts;
  int cpus = 0;                   ///< 0: all of the machine
  std::int64_t memory_bytes = 0;  ///< 0: all of the machine
  std::filesystem::path neon;     ///< empty: beside this program
  bool sandbox = true;
  bool new_admin_token = false;
};

/// Declares the options; parsing sets them. Errors of parsing: also invalid_argument.
void declare(CLI::App& app, Options& options);

/// The command line as options, or the exit code when there is nothing more to do (--help, --version, a mistake).
/// Errors: invalid_argument.
bool parse_options(int argc, char** argv, Options& options, int& exit_code);

}  // namespace ncloudd

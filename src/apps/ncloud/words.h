#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "apps/ncloud/command.h"

namespace ncloud {

/// What every command takes beside its own options.
struct ProgramOptions {
  std::string output = "table";
  std::string profile;
  std::string host;
  std::string tenant;
  static constexpr auto fields() {
    return std::tuple(base::field("output", &ProgramOptions::output, "table, json or yaml").flag('o'),
                      base::field("profile", &ProgramOptions::profile, "which of the configured servers and tokens"),
                      base::field("host", &ProgramOptions::host, "address of the server, instead of the profile's"),
                      base::field("tenant", &ProgramOptions::tenant, "which of your tenants, instead of the first"));
  }
};

/// "--batch-size" for "batch_size".
std::string flag_of(std::string_view field);

/// The argument of `command` (may be nothing) or of the program that a flag such as "-o", "--output" or "--no-wait"
/// gives.
struct FoundFlag {
  api::Argument argument;
  bool takes_value = false;
};
std::optional<FoundFlag> find_flag(const Command* command, std::string_view flag);

/// Words of a command line that are no options of the program and not their values, with where they stand.
struct Word {
  std::string_view text;
  std::size_t at = 0;
};
std::vector<Word> plain_words(const std::vector<std::string>& arguments, std::size_t most);

/// The command that begins with these words, if they name one.
const Command* command_of(const std::vector<Word>& words);

/// The command line in the words of the grammar: "help X" becomes "X --help", a verb without a noun is one of model.
/// Errors: invalid_argument for words and options that no command has, naming what was probably meant and where it
/// belongs.
std::vector<std::string> understood(std::vector<std::string> arguments);

}  // namespace ncloud

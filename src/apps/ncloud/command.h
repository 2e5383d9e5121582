#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/argument.h"
#include "apps/ncloud/session.h"

namespace ncloud {

/// Something that a person can tell this program to do. Its arguments are the fields of a described struct.
struct Command {
  std::string words;  ///< "model train"
  std::string summary;
  std::vector<api::Argument> arguments;
  std::function<int(Session&, const base::json::object& given)> run;  ///< gives the exit code
  bool hidden = false;                                                ///< for programs: not in helps
};

/// All commands by their words: those of the shelf commands/, and one for each operation of the contract that names a
/// command and has none there.
const std::vector<Command>& commands();

/// Puts a command on the shelf; a static object of its file.
struct Shelved {
  explicit Shelved(Command command);
};

/// A command whose arguments are the fields of Options.
template <class Options>
Command command(std::string words, std::string summary, int (*run)(Session&, const Options&)) {
  return {
      std::move(words), std::move(summary), api::arguments_of<Options>(),
      [run](Session& session, const base::json::object& given) { return run(session, base::decode<Options>(given)); }};
}

/// Short words: {"model", "m"}, {"ls", "list"}, ...
struct Alias {
  std::string_view word;
  std::vector<std::string_view> others;
};
const std::vector<Alias>& aliases();

/// The word that an alias stands for; `word` itself when it is none.
std::string_view full_word(std::string_view word);

}  // namespace ncloud

#pragma once
#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/argument.h"
#include "apps/ncloud/session.h"

namespace ncloud {

/// Something that a person can tell this program to do. Its arguments are the fields of a described struct.
struct Command {
  std::string words = {};  ///< "model train"
  std::string summary = {};
  std::vector<api::Argument> arguments = {};
  std::function<int(Session&, const base::json::object& given)> run = {};  ///< gives the exit code
  bool hidden = false;                                                     ///< for programs: not in helps
  const api::OperationInfo* calls = nullptr;  ///< whose fields it takes too, but for those that are its own
  std::vector<std::string_view> makes = {};   ///< fields of the request that it makes by itself
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

/// The same for a command that hands the other fields of an operation's request on as they are declared there, so that
/// the command keeps up with the contract. `run` gets them as they were given.
template <class Options>
Command command(std::string words, std::string summary,
                int (*run)(Session&, const Options&, const base::json::object& declared),
                const api::OperationInfo& calls, std::vector<std::string_view> makes) {
  return {.words = std::move(words),
          .summary = std::move(summary),
          .arguments = api::arguments_of<Options>(),
          .run =
              [run](Session& session, base::json::object own) {
                base::json::object declared;
                const std::vector<std::string_view> names = base::field_names<Options>();
                for (const auto& member : base::json::object(own)) {
                  if (std::find(names.begin(), names.end(), std::string_view(member.key())) != names.end()) continue;
                  declared[member.key()] = member.value();
                  own.erase(member.key());
                }
                return run(session, base::decode<Options>(own), declared);
              },
          .calls = &calls,
          .makes = std::move(makes)};
}

/// "tenant vision added" for "tenant {name} added": values of the answer, else of the request. What is in brackets is
/// left out while its field is empty.
std::string filled(std::string_view sentence, const base::json::object& given, const base::json::value& answer);

/// Short words: {"model", "m"}, {"ls", "list"}, ...
struct Alias {
  std::string_view word;
  std::vector<std::string_view> others;
};
const std::vector<Alias>& aliases();

/// The word that an alias stands for; `word` itself when it is none.
std::string_view full_word(std::string_view word);

}  // namespace ncloud

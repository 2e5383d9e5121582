#include "apps/ncloud/complete.h"

#include <set>

#include "apps/ncloud/words.h"

namespace ncloud {
namespace {

namespace json = base::json;
using api::ModelState;

bool contains(std::string_view text, std::initializer_list<std::string_view> any) {
  return std::find(any.begin(), any.end(), text) != any.end();
}

/// The states in which a command has something to do; empty: all.
std::vector<ModelState> states_for(std::string_view command) {
  using enum ModelState;
  if (command == "model stop") return {queued, running};
  if (command == "model resume") return {stopped, error, completed};
  if (command == "model deploy") return {completed, stopped, imported};
  if (command == "model undeploy") return {deploying, deployed};
  if (command == "model predict") return {deployed};
  return {};
}

void add_models(api::Client& client, std::string_view command, std::vector<Candidate>& found) {
  std::map<std::string, int> count;
  const api::Page<api::Model> page = client.call(api::list_models, {.state = states_for(command)});
  for (const api::Model& model : page.items) {
    found.push_back({std::to_string(model.id), fmt::format("{}, {}", model.name, base::word(model.state))});
    ++count[model.name];
  }
  for (const auto& [name, times] : count)
    if (times == 1) found.push_back({name, "name of a model"});
}

template <class Op>
void add_names(api::Client& client, const Op& operation, std::vector<Candidate>& found) {
  for (const auto& item : client.call(operation, {}).items) found.push_back({item.name, fmt::format("id {}", item.id)});
}

/// Things of the server that an argument of this name takes.
void add_things(Session& session, std::string_view command, std::string_view argument, std::vector<Candidate>& found) {
  if (!contains(argument, {"model", "dataset", "volume", "tenant", "tenants", "user", "token"})) return;
  try {
    api::Client client = session.quick_client();
    if (argument == "model") add_models(client, command, found);
    if (argument == "dataset") add_names(client, api::list_datasets, found);
    if (argument == "volume") add_names(client, api::list_volumes, found);
    if (argument == "tenant" || argument == "tenants") add_names(client, api::list_tenants, found);
    if (argument == "user") add_names(client, api::list_users, found);
    if (argument == "token")
      for (const api::Token& token : client.call(api::list_tokens, {}).items)
        found.push_back({std::to_string(token.id), fmt::format("of {} {}", token.user, token.note)});
  } catch (const base::Error&) {
    // Nobody wants to read of it in the middle of a line.
  }
}

Candidates values_of(Session& session, std::string_view command, const api::Argument& argument) {
  Candidates found;
  const json::object& schema = argument.is_list() ? argument.schema.at("items").as_object() : argument.schema;
  if (const json::value* words = schema.if_contains("enum"))
    for (const json::value& word : words->as_array()) found.words.push_back({std::string(word.as_string()), ""});
  if (argument.name == "output") found.words = {{"table", ""}, {"json", ""}, {"yaml", ""}};
  if (argument.name == "profile")
    for (const auto& [name, profile] : read_settings().profiles) found.words.push_back({name, profile.host});
  add_things(session, command, argument.name, found.words);
  found.files = contains(argument.name, {"file", "files", "manifest", "labels", "root"});
  return found;
}

void add_flags(const std::vector<api::Argument>& arguments, std::vector<Candidate>& found) {
  for (const api::Argument& argument : arguments) {
    if (argument.positional) continue;
    std::string flag = flag_of(argument.name);
    if (argument.is_flag() && argument.is_on()) flag = "--no-" + flag.substr(2);
    found.push_back({flag, std::string(argument.doc)});
  }
}

/// The first words: nouns, commands of one word, verbs of model.
Candidates words_of(std::string_view noun) {
  Candidates found;
  std::set<std::string> seen;
  for (const Command& command : commands()) {
    if (command.hidden) continue;
    const auto space = command.words.find(' ');
    const bool alone = space == std::string::npos;
    const std::string first = command.words.substr(0, space);
    const std::string verb = alone ? "" : command.words.substr(space + 1);
    if (noun.empty() && seen.insert(first).second) found.words.push_back({first, alone ? command.summary : ""});
    if (noun.empty() && first == "model" && seen.insert(verb).second) found.words.push_back({verb, command.summary});
    if (!noun.empty() && first == noun && !alone) found.words.push_back({verb, command.summary});
  }
  return found;
}

/// bash takes "eval:fashion" for three words.
std::vector<std::string> joined_at_colons(const std::vector<std::string>& words, bool& joined) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool joins = !out.empty() && (words[i] == ":" || out.back().ends_with(':'));
    if (joins)
      out.back() += words[i];
    else
      out.push_back(words[i]);
    joined = joins;
  }
  return out;
}

Candidates possible(Session& session, const std::vector<std::string>& before, std::string_view last) {
  const std::vector<Word> words = plain_words(before, 2);
  const Command* command = command_of(words);
  std::size_t first_argument = 0;
  if (command != nullptr) {
    first_argument = words[command->words.find(' ') == std::string::npos ? 0 : 1].at + 1;
  } else if (!words.empty()) {
    command = command_of({{"model", 0}, words[0]});
    first_argument = words[0].at + 1;
  }
  if (!before.empty())
    if (const auto flag = find_flag(command, before.back());
        before.back().starts_with('-') && flag && flag->takes_value)
      return values_of(session, command == nullptr ? "" : command->words, flag->argument);
  if (last.starts_with('-')) {
    Candidates found;
    if (command != nullptr) add_flags(command->arguments, found.words);
    add_flags(api::arguments_of<ProgramOptions>(), found.words);
    found.words.push_back({"--help", "what the command takes"});
    return found;
  }
  if (command == nullptr) return words_of(words.empty() ? "" : full_word(words[0].text));
  std::size_t given = 0;
  for (std::size_t i = first_argument; i < before.size(); ++i) {
    const auto flag = before[i].starts_with('-') ? find_flag(command, before[i]) : std::nullopt;
    if (flag && flag->takes_value)
      ++i;
    else if (!before[i].starts_with('-'))
      ++given;
  }
  for (const api::Argument& argument : command->arguments) {
    if (!argument.positional) continue;
    if (given == 0 || argument.is_list()) return values_of(session, command->words, argument);
    --given;
  }
  return {};
}

}  // namespace

Candidates complete(Session& session, const std::vector<std::string>& typed) {
  bool joined = false;
  std::vector<std::string> words = joined_at_colons(typed, joined);
  if (words.empty()) words.emplace_back();
  std::string last = words.back();
  words.pop_back();
  std::string role;
  if (const auto colon = last.find(':');
      colon != std::string::npos && !words.empty() && (words.back() == "-d" || words.back() == "--dataset")) {
    if (!joined) role = last.substr(0, colon + 1);
    last.erase(0, colon + 1);
  }
  Overrides overrides = session.overrides();
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--host") overrides.host = words[i + 1];
    if (words[i] == "--profile") overrides.profile = words[i + 1];
  }
  Session there(overrides, session.format());
  Candidates found = possible(there, words, last);
  std::erase_if(found.words, [&](const Candidate& c) { return !c.word.starts_with(last); });
  for (Candidate& candidate : found.words) candidate.word.insert(0, role);
  return found;
}

}  // namespace ncloud

#include "apps/ncloud/command.h"

#include "apps/ncloud/wait.h"

namespace ncloud {
namespace {

namespace json = base::json;

std::vector<Command>& shelf() {
  static std::vector<Command> all;
  return all;
}

/// "models" of "model ls", "shards" of "dataset shards".
std::string listed(const api::OperationInfo& operation) {
  const auto space = operation.command.find(' ');
  const std::string_view verb = operation.command.substr(space + 1);
  return verb == "ls" ? fmt::format("{}s", operation.command.substr(0, space)) : std::string(verb);
}

/// What the rows of a list have, by the contract: a table keeps its columns whatever its rows hold.
std::vector<std::string> columns_of_rows(const api::OperationInfo& operation) {
  std::vector<std::string> names;
  if (operation.response_schema == nullptr) return names;
  const json::value answer = operation.response_schema();
  std::error_code not_a_list;
  if (const json::value* fields = answer.find_pointer("/properties/items/items/properties", not_a_list))
    for (const auto& field : fields->as_object()) names.emplace_back(field.key());
  return names;
}

/// Says who sees nothing here.
void note_empty_list(Session& session, const api::OperationInfo& operation, bool is_filtered) {
  const api::Caller caller = session.client().call(api::get_caller, {});
  const std::string whose =
      caller.admin && operation.permission >= api::Permission::manager && operation.name != "list_groups"
          ? "on this server"
          : fmt::format("in tenant {}", caller.tenant);
  session.note(fmt::format("no {} {}{}; you are {}", listed(operation), whose,
                           is_filtered ? " that fit what was asked for" : "", caller.user));
}

int run_operation(Session& session, const api::OperationInfo& operation, const json::object& given) {
  if (operation.response_kind == api::BodyKind::bytes) {
    session.print(session.client().call_for_bytes(operation, given).content);
    return 0;
  }
  const json::value answer = session.client().call_json(operation, given);
  if (!operation.done.empty()) {
    session.did(filled(operation.done, given, answer), answer);
    return 0;
  }
  session.show(answer, columns_of_rows(operation));
  const json::value* items = answer.is_object() ? answer.get_object().if_contains("items") : nullptr;
  if (session.format() == Format::table && items != nullptr && items->is_array() && items->get_array().empty())
    note_empty_list(session, operation, !given.empty());
  const json::value* token = answer.is_object() ? answer.get_object().if_contains("next_page_token") : nullptr;
  if (token != nullptr && token->is_string() && !token->get_string().empty())
    session.note(fmt::format("there is more: add --page-token {}", std::string_view(token->get_string())));
  return 0;
}

/// The argument that says what is removed, when several may be given.
api::Argument* what_is_removed(const api::OperationInfo& operation, std::vector<api::Argument>& arguments) {
  if (operation.method != api::Method::del) return nullptr;
  const auto found =
      std::find_if(arguments.begin(), arguments.end(), [](const api::Argument& a) { return a.positional; });
  return found == arguments.end() ? nullptr : &*found;
}

Command derived(const api::OperationInfo& operation) {
  Command command{
      std::string(operation.command), std::string(operation.summary), operation.request_arguments(),
      [&operation](Session& session, const json::object& given) { return run_operation(session, operation, given); }};
  api::Argument* several = what_is_removed(operation, command.arguments);
  if (several == nullptr) return command;
  several->schema = {{"type", "array"}, {"items", several->schema}};
  command.run = [&operation, name = several->name](Session& session, const json::object& given) {
    return for_each_of(given.at(name).as_array(), [&](const json::value& each) {
      json::object one = given;
      one[name] = each;
      return run_operation(session, operation, one);
    });
  };
  return command;
}

void add_declared_arguments(Command& command) {
  for (const api::Argument& field : command.calls->request_arguments()) {
    const bool own = std::any_of(command.arguments.begin(), command.arguments.end(),
                                 [&](const api::Argument& a) { return a.name == field.name; });
    const bool made = std::find(command.makes.begin(), command.makes.end(), field.name) != command.makes.end();
    if (!own && !made) command.arguments.push_back(field);
  }
}

std::vector<Command> gather() {
  std::vector<Command> all = shelf();
  for (Command& command : all)
    if (command.calls != nullptr) add_declared_arguments(command);
  for (const api::OperationInfo* operation : api::operations()) {
    if (operation->command.empty()) continue;
    const bool shelved =
        std::any_of(all.begin(), all.end(), [&](const Command& c) { return c.words == operation->command; });
    if (!shelved) all.push_back(derived(*operation));
  }
  std::sort(all.begin(), all.end(), [](const Command& a, const Command& b) { return a.words < b.words; });
  return all;
}

}  // namespace

Shelved::Shelved(Command command) { shelf().push_back(std::move(command)); }

std::string filled(std::string_view sentence, const json::object& given, const json::value& answer) {
  const auto part_to = [&](char end) {
    const std::string_view part = sentence.substr(0, std::min(sentence.find(end), sentence.size()));
    sentence.remove_prefix(std::min(part.size() + 1, sentence.size()));
    return part;
  };
  const auto value_of = [&](std::string_view name) {
    const json::value* value = answer.is_object() ? answer.get_object().if_contains(name) : nullptr;
    if (value == nullptr) value = given.if_contains(name);
    return value == nullptr ? "" : cell(name, *value);
  };
  std::string out;
  while (!sentence.empty()) {
    const auto open = std::min(sentence.find_first_of("{["), sentence.size());
    out += sentence.substr(0, open);
    const bool is_optional = sentence.substr(open).starts_with('[');
    sentence.remove_prefix(std::min(open + 1, sentence.size()));
    const std::string_view before = is_optional ? part_to('{') : "";
    const std::string value = value_of(part_to('}'));
    const std::string_view after = is_optional ? part_to(']') : "";
    if (!is_optional || !value.empty()) out += fmt::format("{}{}{}", before, value, after);
  }
  return out;
}

const std::vector<Command>& commands() {
  static const std::vector<Command> all = gather();
  return all;
}

const std::vector<Alias>& aliases() {
  static const std::vector<Alias> all{{"model", {"m", "models"}},
                                      {"dataset", {"ds", "datasets"}},
                                      {"volume", {"v", "vs", "volumes"}},
                                      {"tenant", {"t", "tenants"}},
                                      {"user", {"u", "users"}},
                                      {"member", {"members"}},
                                      {"group", {"g", "groups"}},
                                      {"resource", {"res", "resources"}},
                                      {"token", {"tkn", "tokens"}},
                                      {"ls", {"list", "l"}},
                                      {"show", {"s"}},
                                      {"rm", {"remove"}},
                                      {"add", {"a"}}};
  return all;
}

std::string_view full_word(std::string_view word) {
  for (const Alias& alias : aliases())
    for (const std::string_view other : alias.others)
      if (other == word) return alias.word;
  return word;
}

}  // namespace ncloud

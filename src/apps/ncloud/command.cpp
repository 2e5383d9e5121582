#include "apps/ncloud/command.h"

namespace ncloud {
namespace {

namespace json = base::json;

std::vector<Command>& shelf() {
  static std::vector<Command> all;
  return all;
}

int run_operation(Session& session, const api::OperationInfo& operation, const json::object& given) {
  if (operation.response_kind == api::BodyKind::bytes) {
    session.print(session.client().call_for_bytes(operation, given).content);
    return 0;
  }
  const json::value answer = session.client().call_json(operation, given);
  session.show(answer);
  const json::value* items = answer.is_object() ? answer.get_object().if_contains("items") : nullptr;
  if (session.format() == Format::table && items != nullptr && items->is_array() && items->get_array().empty())
    session.note(given.empty() ? "none yet" : "none");
  const json::value* token = answer.is_object() ? answer.get_object().if_contains("next_page_token") : nullptr;
  if (token != nullptr && token->is_string() && !token->get_string().empty())
    session.note(fmt::format("there is more: add --page-token {}", std::string_view(token->get_string())));
  return 0;
}

Command derived(const api::OperationInfo& operation) {
  return {
      std::string(operation.command), std::string(operation.summary), operation.request_arguments(),
      [&operation](Session& session, const json::object& given) { return run_operation(session, operation, given); }};
}

std::vector<Command> gather() {
  std::vector<Command> all = shelf();
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

const std::vector<Command>& commands() {
  static const std::vector<Command> all = gather();
  return all;
}

const std::vector<Alias>& aliases() {
  static const std::vector<Alias> all{
      {"model", {"m"}},   {"dataset", {"ds"}},   {"tenant", {"t"}}, {"user", {"u"}},    {"resource", {"res"}},
      {"token", {"tkn"}}, {"ls", {"list", "l"}}, {"show", {"s"}},   {"rm", {"remove"}}, {"add", {"a"}}};
  return all;
}

std::string_view full_word(std::string_view word) {
  for (const Alias& alias : aliases())
    for (const std::string_view other : alias.others)
      if (other == word) return alias.word;
  return word;
}

}  // namespace ncloud

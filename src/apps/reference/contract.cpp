// Pages of the REST contract.
#include <fmt/format.h>

#include "api/operation.h"
#include "apps/reference/page.h"
#include "base/error.h"

namespace reference {
namespace {

std::string names_of(const std::vector<base::Code>& codes) {
  std::string text;
  for (const base::Code code : codes) text += fmt::format("{}`{}`", text.empty() ? "" : ", ", base::kind_of(code).name);
  return text;
}

std::string section_of(const api::OperationInfo& operation) {
  std::string text = fmt::format("\n### {}\n\n`{} {}`\n\n{}.", operation.name, base::word(operation.method),
                                 operation.path, operation.summary);
  if (operation.permission == api::Permission::anyone) text += " No token is needed.";
  if (operation.permission == api::Permission::admin)
    text += " For administrators.";
  else if (operation.permission > api::Permission::signed_in)
    text += fmt::format(" For {}s of the tenant.", base::word(operation.permission));
  if (!operation.command.empty()) text += fmt::format(" Command: `ncloud {}`.", operation.command);
  if (operation.creates) text += " Answers 201 and honours `Idempotency-Key`.";
  if (operation.request_kind == api::BodyKind::bytes) text += " The body is the bytes themselves.";
  if (operation.response_kind == api::BodyKind::bytes) text += " Answers with bytes.";
  if (operation.response_kind == api::BodyKind::events) text += " Answers with server-sent events.";
  if (!operation.errors.empty()) text += fmt::format(" Errors: {}.", names_of(operation.errors));
  text += '\n';
  if (const std::string table = table_of_properties(operation.request_schema()); !table.empty()) text += '\n' + table;
  if (!operation.example.empty()) text += fmt::format("\n```json\n{}\n```\n", operation.example);
  return text;
}

Page operations_page() {
  Page page{"operations.md",
            page_head("Operations of the REST API", "the rows of src/api/resources",
                      "What holds for all of them is said in [api.md](api.md); what they answer is in the document at "
                      "`/api/v2/openapi.json`.")};
  std::string_view resource;
  for (const api::OperationInfo* operation : api::operations()) {
    if (operation->resource != resource) page.text += fmt::format("\n## {}\n", operation->resource);
    resource = operation->resource;
    page.text += section_of(*operation);
  }
  return page;
}

Page errors_page() {
  Page page{"errors.md",
            page_head("Errors", "the table in src/base/error.cpp",
                      "One code on every border: `code` in a problem document, the HTTP status, and the exit code of "
                      "`ncloud` and `neon`.")};
  page.text += "\n| code | HTTP status | exit code | meaning |\n|---|---|---|---|\n";
  for (const base::ErrorKind& kind : base::error_kinds())
    page.text +=
        fmt::format("| `{}` | {} | {} | {} |\n", kind.name, kind.http_status, kind.exit_code, cell(kind.meaning));
  return page;
}

}  // namespace

std::vector<Page> contract_pages() { return {operations_page(), errors_page()}; }

}  // namespace reference

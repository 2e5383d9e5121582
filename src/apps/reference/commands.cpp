// The page of the command line client.
#include <fmt/format.h>

#include "apps/ncloud/command.h"
#include "apps/reference/page.h"

namespace reference {
namespace {

std::string flag_of(const api::Argument& argument) {
  std::string name(argument.name);
  if (argument.positional) return fmt::format("`{}`", name);
  std::replace(name.begin(), name.end(), '_', '-');
  if (argument.is_on()) return fmt::format("`--no-{}`", name);
  return argument.letter != 0 ? fmt::format("`-{}`, `--{}`", argument.letter, name) : fmt::format("`--{}`", name);
}

std::string table_of(const ncloud::Command& command) {
  if (command.arguments.empty()) return "";
  std::string text = "\n| argument | values | meaning |\n|---|---|---|\n";
  for (const api::Argument& argument : command.arguments)
    text += fmt::format("| {} | {} | {}{} |\n", flag_of(argument),
                        argument.is_flag() ? "" : cell(values_of(argument.schema)), cell(argument.doc),
                        argument.required ? " (needed)" : "");
  return text;
}

}  // namespace

Page commands_page() {
  Page page{"commands.md", page_head("Commands of `ncloud`",
                                     "the rows of src/api/resources and the files of "
                                     "src/apps/ncloud/commands",
                                     "How to use them is told in [cli.md](cli.md); every command also has `--help`.")};
  for (const ncloud::Command& command : ncloud::commands()) {
    if (command.hidden) continue;
    page.text += fmt::format("\n## ncloud {}\n\n{}.", command.words, command.summary);
    page.text += '\n' + table_of(command);
  }
  return page;
}

}  // namespace reference

// The page of what programs are told at their start: options of the daemon and the engine, and the environment.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "apps/ncloudd/options.h"
#include "apps/neon/options.h"
#include "apps/reference/page.h"
#include "base/environment.h"

namespace reference {
namespace {

std::string table_of(const CLI::App& app) {
  std::string text = "| option | value | when left out | meaning |\n|---|---|---|---|\n";
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_name() == "--help") continue;
    const bool is_flag = option->get_expected_max() == 0;
    text += fmt::format("| `{}` | {} | {} | {} |\n", cell(option->get_name(option->get_positional(), true)),
                        is_flag ? "" : cell(option->get_type_name()), cell(option->get_default_str()),
                        cell(option->get_description()));
  }
  return text;
}

/// The commands of a program, each with its options.
std::string commands_of(const CLI::App& app, std::string_view program) {
  std::string text;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    text += fmt::format("\n### {} {}\n\n{}.\n\n{}", program, command->get_name(), command->get_description(),
                        table_of(*command));
  return text;
}

template <class Options>
std::string options_of(void (*declare)(CLI::App&, Options&)) {
  CLI::App app;
  Options options;
  declare(app, options);
  return table_of(app);
}

}  // namespace

Page settings_page() {
  Page page{"settings.md",
            page_head("Settings of the programs",
                      "src/apps/ncloudd/options.cpp, src/apps/neon/options.cpp and src/base/environment.cpp",
                      "What the programs are told at their start. The commands of `ncloud` and their options are in "
                      "[commands.md](commands.md); what a training is told stands in its model file "
                      "([model-yaml.md](../formats/model-yaml.md)).")};
  page.text += "\n## ncloudd\n\n" + options_of(ncloudd::declare);
  page.text += "\n## neon\n\n" + options_of(declare);
  CLI::App of_neon;
  declare_neon_options(of_neon);
  page.text += "\nOptions of neon 2.6 that have one value here, or no meaning:\n\n" + table_of(of_neon);
  CLI::App neon;
  Options options;
  declare_commands(neon, options);
  page.text += commands_of(neon, "neon");
  page.text += "\n## Environment\n\n| variable | read by | meaning |\n|---|---|---|\n";
  for (const base::EnvironmentVariable& variable : base::environment_variables())
    page.text += fmt::format("| `{}` | {} | {} |\n", variable.name, variable.programs, cell(variable.meaning));
  return page;
}

}  // namespace reference

#include "apps/ncloud/command_line.h"

#include <CLI/CLI.hpp>

#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"
#include "apps/ncloud/words.h"
#include "base/caught.h"
#include "base/log.h"
#include "base/version.h"

namespace ncloud {
namespace {

namespace json = base::json;
using base::Code;
using base::Error;

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 fault or failed training, 2 wrong use, 3 no valid token, 4 not allowed, 5 no such thing,\n"
    "6 state does not allow it, 7 it changed meanwhile, 8 too large, 9 over the allotment, 10 server not available,\n"
    "11 disk full, 12 damaged data, 130 interrupted.\n"
    "Environment: NCLOUD_HOST, NCLOUD_TOKEN, NCLOUD_PROFILE, NCLOUD_TENANT, NO_COLOR. Start with: ncloud configure";

/// Words given for one command, until they are decoded.
struct Given {
  const Command* command = nullptr;
  std::map<std::string_view, std::vector<std::string>> texts;  // by field
  std::map<std::string_view, bool> flags;
  CLI::App* app = nullptr;
};

std::string flag_name(std::string_view field) { return flag_of(field).substr(2); }

/// How it is called where it is looked up: "--batch-size", or "model" for one without a flag.
std::string option_name(const api::Argument& argument) {
  return argument.positional ? std::string(argument.name) : flag_of(argument.name);
}

void add_argument(Given& given, const api::Argument& argument) {
  std::string doc(argument.doc);
  if (const json::value* fallback = argument.schema.if_contains("default");
      fallback != nullptr && !argument.is_flag()) {
    const std::string text = fallback->is_string() ? std::string(fallback->get_string()) : base::to_text(*fallback);
    if (!text.empty() && text != "[]" && text != "0") doc += fmt::format(" [{}]", text);
  }
  std::string name = "--" + flag_name(argument.name);
  if (argument.letter != 0) name = fmt::format("-{},{}", argument.letter, name);
  if (argument.is_flag()) {
    if (argument.is_on()) name += ",!--no-" + flag_name(argument.name);
    given.app->add_flag(name, given.flags[argument.name], doc);
    return;
  }
  if (argument.positional) name = argument.name;
  CLI::Option* option = given.app->add_option(name, given.texts[argument.name], doc);
  option->required(argument.required);
  std::string shown = argument.positional ? "" : flag_name(argument.name.substr(argument.name.rfind('_') + 1));
  for (char& c : shown) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  option->type_name(shown);
  if (argument.is_list() && argument.positional)
    option->expected(1, 1 << 20);
  else if (argument.is_list())
    option->expected(1)->take_all()->allow_extra_args(false);
  else
    option->expected(1)->allow_extra_args(false);
}

json::object values_of(const Given& given) {
  json::object values;
  for (const api::Argument& argument : given.command->arguments) {
    const std::string field(argument.name);
    if (argument.is_flag()) {
      const std::string flag = "--" + flag_name(argument.name);
      if (given.app->count(flag) > 0) values[field] = given.flags.at(argument.name);
      continue;
    }
    const std::vector<std::string>& texts = given.texts.at(argument.name);
    if (texts.empty()) continue;
    if (argument.is_list()) {
      json::array list;
      for (const std::string& text : texts)
        list.push_back(api::value_from_text(flag_name(argument.name), argument.schema.at("items").as_object(), text));
      values[field] = list;
    } else {
      values[field] = api::value_from_text(flag_name(argument.name), argument.schema, texts.back());
    }
  }
  return values;
}

std::string_view noun_summary(std::string_view noun) {
  if (noun == "model") return "Train, follow, deploy and use models";
  if (noun == "dataset") return "Upload and manage datasets";
  if (noun == "tenant") return "Manage tenants";
  if (noun == "user") return "Manage users";
  if (noun == "member") return "Manage who belongs to a tenant, and as what";
  if (noun == "group") return "Manage groups of users";
  if (noun == "token") return "Manage tokens";
  if (noun == "resource") return "Allot and show CPUs and memory";
  return "";
}

void add_aliases(CLI::App* app, std::string_view word) {
  for (const Alias& alias : aliases())
    if (alias.word == word)
      for (const std::string_view other : alias.others) app->alias(std::string(other));
}

std::string_view value_name(const api::Argument& program_option) {
  return program_option.name == "host" ? "URL" : program_option.name == "output" ? "FORMAT" : "NAME";
}

std::string program_options_help() {
  std::string out = "Options of every command:\n";
  for (const api::Argument& argument : api::arguments_of<ProgramOptions>())
    out += fmt::format("  {:<28}{}\n",
                       fmt::format("{}{} {}", argument.letter != 0 ? fmt::format("-{},", argument.letter) : "",
                                   flag_of(argument.name), value_name(argument)),
                       argument.doc);
  return out;
}

/// The whole grammar. `all` must not move afterwards: options refer into it.
void build(CLI::App& app, std::vector<std::unique_ptr<Given>>& all) {
  const auto add = [&](CLI::App* parent, const Command& command, const std::string& word) {
    auto given = std::make_unique<Given>();
    given->command = &command;
    given->app = parent->add_subcommand(word, command.summary)->fallthrough();
    given->app->footer(program_options_help());
    if (command.hidden) given->app->group("");
    for (const api::Argument& argument : command.arguments) add_argument(*given, argument);
    CLI::App* made = given->app;
    all.push_back(std::move(given));
    return made;
  };
  std::map<std::string, CLI::App*> nouns;
  for (const Command& command : commands()) {
    const auto space = command.words.find(' ');
    if (space == std::string::npos) {
      add_aliases(add(&app, command, command.words), command.words);
    } else {
      const std::string noun = command.words.substr(0, space);
      CLI::App*& group = nouns[noun];
      if (group == nullptr) {
        group = app.add_subcommand(noun, std::string(noun_summary(noun)))->fallthrough()->require_subcommand(0, 1);
        group->footer(program_options_help());
        add_aliases(group, noun);
      }
      const std::string verb = command.words.substr(space + 1);
      add_aliases(add(group, command, verb), verb);
    }
  }
}

/// What is missing or too much, in the words of the command.
[[noreturn]] void refuse_use(const CLI::ParseError& error, CLI::App& app,
                             const std::vector<std::unique_ptr<Given>>& all) {
  for (const auto& given : all) {
    if (!given->app->parsed()) continue;
    const std::string& words = given->command->words;
    const std::string see = fmt::format("see: ncloud {} --help", words);
    std::vector<std::string> missing;
    for (const api::Argument& argument : given->command->arguments)
      if (argument.required && given->app->get_option(option_name(argument))->count() == 0)
        missing.push_back(fmt::format("{} ({})", option_name(argument), argument.doc));
    if (!missing.empty())
      throw Error(Code::invalid_argument, fmt::format("{} needs {}; {}", words, fmt::join(missing, " and "), see));
    if (const std::vector<std::string> left = app.remaining(true); !left.empty())
      throw Error(Code::invalid_argument, fmt::format("{} takes no '{}'; {}", words, left.front(), see));
    for (const CLI::Option* option : given->app->get_options())
      if (option->get_expected_min() > 0 && std::string_view(error.what()).starts_with(option->get_name() + ":"))
        throw Error(Code::invalid_argument, fmt::format("{} needs a value; {}", option->get_name(), see));
    throw Error(Code::invalid_argument, fmt::format("{}; {}", error.what(), see));
  }
  throw Error(Code::invalid_argument, fmt::format("{}; see: ncloud --help", error.what()));
}

std::string_view hint_for(Code code, std::string_view message) {
  if (message.find("ncloud ") != std::string_view::npos) return "";  // it names a command itself
  if (code == Code::unauthenticated) return "run: ncloud login (user and password), or ncloud configure (a token)";
  if (code == Code::over_allotment) return "what is allotted and in use: ncloud resource ls";
  return "";
}

/// "state: unknown value 'x'" for what is wrong at "/state/0".
std::string with_name_of_option(const Error& error) {
  if (!error.message.starts_with("unknown value") || !error.where.starts_with('/')) return error.message;
  const std::string_view field = std::string_view(error.where).substr(1);
  return fmt::format("{}: {}", flag_name(field.substr(0, field.find('/'))), error.message);
}

int report(const Error& error) {
  complain(with_name_of_option(error));
  if (const std::string_view hint = hint_for(error.code, error.message); !hint.empty()) tell(dim(hint));
  return base::kind_of(error.code).exit_code;
}

int run(int argc, const char* const* argv) {
  CLI::App app{"ncloud: the command line of a deep learning cloud", "ncloud"};
  std::vector<std::unique_ptr<Given>> all;
  Overrides overrides;
  std::string host, profile, tenant, output = "table";
  for (const api::Argument& argument : api::arguments_of<ProgramOptions>()) {
    std::string& into = argument.name == "host"      ? host
                        : argument.name == "profile" ? profile
                        : argument.name == "tenant"  ? tenant
                                                     : output;
    const std::string letter = argument.letter != 0 ? fmt::format("-{},", argument.letter) : "";
    app.add_option(letter + flag_of(argument.name), into, std::string(argument.doc))
        ->type_name(std::string(value_name(argument)));
  }
  app.set_version_flag("--version", std::string("ncloud ") + base::kVersion);
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  build(app, all);
  std::vector<std::string> arguments = understood({argv + 1, argv + argc});
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help and version
    refuse_use(error, app, all);
  }
  if (app.count("--host") > 0) overrides.host = host;
  if (app.count("--profile") > 0) overrides.profile = profile;
  if (app.count("--tenant") > 0) overrides.tenant = tenant;
  Session session(overrides, base::decode<Format>(json::value(output), "/output"));
  for (const auto& given : all)
    if (given->app->parsed()) return given->command->run(session, values_of(*given));
  for (const CLI::App* group : app.get_subcommands()) {  // a noun without a verb
    fmt::print("{}", group->help("ncloud"));
    return base::kind_of(Code::invalid_argument).exit_code;
  }
  fmt::print("{}", app.help());
  return argc > 1 ? base::kind_of(Code::invalid_argument).exit_code : 0;
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  try {
    return run(argc, argv);
  } catch (const OutputClosed&) {
    return 141;  // as a program that SIGPIPE ends
  } catch (...) {
    return report(base::caught());
  }
}

}  // namespace ncloud

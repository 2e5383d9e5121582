#include <set>

#include "apps/ncloud/command.h"

namespace ncloud {
namespace {

enum class Shell { bash, zsh, fish };
constexpr auto enumerators(Shell) {
  return std::array{std::pair{Shell::bash, "bash"}, std::pair{Shell::zsh, "zsh"}, std::pair{Shell::fish, "fish"}};
}

struct Completion {
  Shell shell = Shell::bash;
  static constexpr auto fields() {
    return std::tuple(base::field("shell", &Completion::shell, "bash, zsh or fish").required().positional());
  }
};

std::string flags_of(const Command& command) {
  std::string out = "--help --output --profile --host";
  for (const api::Argument& argument : command.arguments) {
    if (argument.positional) continue;
    std::string name(argument.name);
    std::replace(name.begin(), name.end(), '_', '-');
    out += " --" + name;
  }
  return out;
}

/// Words that may follow each beginning: "" → nouns, "model" → verbs, "model train" → flags.
std::map<std::string, std::string> followers() {
  std::map<std::string, std::set<std::string>> words;
  std::map<std::string, std::string> result;
  for (const Command& command : commands()) {
    const auto space = command.words.find(' ');
    words[""].insert(command.words.substr(0, space));
    if (!command.shortcut.empty()) {
      words[""].insert(command.shortcut);
      result[command.shortcut] = flags_of(command);
    }
    if (space != std::string::npos) words[command.words.substr(0, space)].insert(command.words.substr(space + 1));
    result[command.words] = flags_of(command);
  }
  for (const auto& [beginning, set] : words) result[beginning] = fmt::format("{}", fmt::join(set, " "));
  return result;
}

std::string bash_script() {
  std::string cases;
  for (const auto& [beginning, words] : followers())
    cases += fmt::format("    '{}') words='{}' ;;\n", beginning, words);
  return fmt::format(R"(_ncloud() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" said='' words='' i
  for ((i = 1; i < COMP_CWORD && i < 3; i++)); do
    [[ ${{COMP_WORDS[i]}} == -* ]] && break
    said="${{said:+$said }}${{COMP_WORDS[i]}}"
  done
  case "$said" in
{}  esac
  if [[ -z $words || ( $current != -* && $words == --* ) ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}}
complete -o filenames -F _ncloud ncloud
)",
                     cases);
}

std::string fish_script() {
  std::string out = "complete -c ncloud -f -n '__fish_use_subcommand' -a '" + followers().at("") + "'\n";
  for (const auto& [beginning, words] : followers()) {
    if (beginning.empty()) continue;
    const auto space = beginning.find(' ');
    const std::string first = beginning.substr(0, space);
    if (words.starts_with("--")) {
      const std::string condition =
          space == std::string::npos ? fmt::format("__fish_seen_subcommand_from {}", first)
                                     : fmt::format("__fish_seen_subcommand_from {}; and __fish_seen_subcommand_from {}",
                                                   first, beginning.substr(space + 1));
      for (std::size_t at = 0; at < words.size();) {
        const auto end = std::min(words.find(' ', at), words.size());
        out += fmt::format("complete -c ncloud -n '{}' -l {}\n", condition, words.substr(at + 2, end - at - 2));
        at = end + 1;
      }
    } else {
      out += fmt::format("complete -c ncloud -f -n '__fish_seen_subcommand_from {}' -a '{}'\n", first, words);
    }
  }
  return out;
}

int completion(Session& session, const Completion& options) {
  if (options.shell == Shell::bash) session.print(bash_script());
  if (options.shell == Shell::zsh) session.print("autoload -U +X bashcompinit && bashcompinit\n" + bash_script());
  if (options.shell == Shell::fish) session.print(fish_script());
  return 0;
}

const Shelved shelved(command("completion",
                              "Print a script that completes commands, such as: source <(ncloud completion bash)",
                              completion));

}  // namespace
}  // namespace ncloud

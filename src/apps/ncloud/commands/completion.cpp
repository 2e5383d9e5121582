#include "apps/ncloud/command.h"
#include "apps/ncloud/complete.h"
#include "base/log.h"

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

// Each asks `ncloud complete`, so that a shell knows what this program knows.
constexpr std::string_view kBash = R"sh(_ncloud() {
  local IFS=$'\n' line current="${COMP_WORDS[COMP_CWORD]}"
  [[ $current == : ]] && current=''
  COMPREPLY=()
  for line in $(ncloud complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null); do
    if [[ $line == :files ]]; then
      compopt -o filenames 2> /dev/null
      COMPREPLY+=($(compgen -f -- "$current"))
    else
      COMPREPLY+=("$(printf '%q' "${line%%$'\t'*}")")
    fi
  done
}
complete -F _ncloud ncloud
)sh";

constexpr std::string_view kZsh = R"sh(_ncloud() {
  local line
  local -a values
  for line in "${(@f)$(ncloud complete -- "${words[@]:1:$((CURRENT - 1))}" 2> /dev/null)}"; do
    if [[ $line == :files ]]; then
      _files
    elif [[ -n $line ]]; then
      values+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    fi
  done
  (( $#values )) && _describe -V ncloud values
}
(( $+functions[compdef] )) || { autoload -U compinit && compinit }
compdef _ncloud ncloud
)sh";

constexpr std::string_view kFish = R"sh(function __ncloud_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (ncloud complete -- $words[2..-1] 2> /dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c ncloud -f -a '(__ncloud_complete)'
)sh";

int completion(Session& session, const Completion& options) {
  session.print(options.shell == Shell::bash ? kBash : options.shell == Shell::zsh ? kZsh : kFish);
  return 0;
}

struct Complete {
  std::vector<std::string> words;
  static constexpr auto fields() {
    return std::tuple(
        base::field("words", &Complete::words, "of the line so far; the last one is being typed").positional());
  }
};

/// A line for each: the word, a tab, what it is. ":files" stands for names of files.
int complete_words(Session& session, const Complete& options) {
  const Candidates found = complete(session, options.words);
  std::string out;
  for (const Candidate& candidate : found.words)
    out += fmt::format("{}\t{}\n", base::printable(candidate.word), base::printable(candidate.doc));
  session.print(found.files ? out + ":files\n" : out);
  return 0;
}

Command hidden(Command command) {
  command.hidden = true;
  return command;
}

const Shelved shelved(command("completion",
                              "Print a script that completes commands, such as: source <(ncloud completion bash)",
                              completion));
const Shelved shelved_words(hidden(command("complete", "What may follow on a line", complete_words)));

}  // namespace
}  // namespace ncloud

#include "apps/ncloud/words.h"

#include "apps/ncloud/slips.h"
#include "apps/ncloud/terminal.h"

namespace ncloud {
namespace {

using base::Code;
using base::Error;

const std::vector<api::Argument>& program_arguments() {
  static const std::vector<api::Argument> all = api::arguments_of<ProgramOptions>();
  return all;
}

std::optional<FoundFlag> find_among(const std::vector<api::Argument>& arguments, std::string_view flag) {
  for (const api::Argument& argument : arguments) {
    if (argument.positional) continue;
    const std::string name = flag_of(argument.name);
    const bool is_letter = argument.letter != 0 && flag.size() == 2 && flag[1] == argument.letter;
    const bool is_no = argument.is_flag() && argument.is_on() && flag == "--no-" + name.substr(2);
    if (flag == name || is_letter || is_no) return FoundFlag{argument, !argument.is_flag()};
  }
  return std::nullopt;
}

/// A flag as it is looked up, without "=value"; of "-k3" its letter.
std::string_view flag_in(std::string_view word) {
  return word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
}

bool carries_value(std::string_view word) {
  return word.starts_with("--") ? word.find('=') != std::string_view::npos : word.size() > 2;
}

/// The nearest flag that is known, also one that begins alike: "--batch" and "--batch-size".
std::string nearest_flag(const Command* command, std::string_view flag) {
  std::vector<std::string> names;
  const auto collect = [&](const std::vector<api::Argument>& arguments) {
    for (const api::Argument& argument : arguments)
      if (!argument.positional) names.push_back(flag_of(argument.name).substr(2));
  };
  flag.remove_prefix(std::min(flag.find_first_not_of('-'), flag.size()));
  if (command != nullptr) collect(command->arguments);
  collect(program_arguments());
  for (const std::string& name : names)
    if (flag.size() > 1 && (name.starts_with(flag) || flag.starts_with(name))) return "--" + name;
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string near = flag.size() > 1 ? base::nearest(flag, views) : "";
  return near.empty() ? "" : "--" + near;
}

/// Commands that do have this flag.
std::string owners_of(std::string_view flag) {
  std::vector<std::string> owners;
  for (const Command& command : commands())
    if (!command.hidden && find_among(command.arguments, flag)) owners.push_back("ncloud " + command.words);
  return owners.size() > 4 ? "" : fmt::format("{}", fmt::join(owners, ", "));
}

[[noreturn]] void refuse_flag(const Command* command, std::string_view flag) {
  const std::string words = command == nullptr ? "ncloud" : command->words;
  const std::string_view name = flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
  std::string advice = fmt::format("see: ncloud {}--help", command == nullptr ? "" : words + " ");
  if (const std::string owners = owners_of(flag); !owners.empty() && flag.size() > 2)
    advice = fmt::format("it is one of: {}", owners);
  else if (const std::string_view place = place_of_option(name); !place.empty())
    advice = place;
  else if (const std::string near = nearest_flag(command, flag); !near.empty())
    advice = fmt::format("did you mean {}?", near);
  throw Error(Code::invalid_argument, fmt::format("{} has no option {}; {}", words, flag, advice));
}

void check_flags(const Command* command, const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--") return;
    if (!word.starts_with('-') || word.size() == 1) continue;
    const std::string_view flag = flag_in(word);
    if (flag == "--help" || flag == "-h" || (flag == "--version" && command == nullptr)) continue;
    const auto found = find_flag(command, flag);
    if (!found) refuse_flag(command, flag);
    if (found->takes_value && !carries_value(word)) ++i;
  }
}

/// Words before any "--", which ends the options.
[[noreturn]] void refuse_words(const std::vector<Word>& words, const std::vector<std::string>& all) {
  const std::string_view first = full_word(words[0].text);
  std::vector<std::string_view> nouns, verbs;
  for (const Command& command : commands()) {
    if (command.hidden) continue;
    const std::string_view text = command.words;
    const auto space = text.find(' ');
    nouns.push_back(text.substr(0, space));
    if (space != std::string_view::npos && text.substr(0, space) == first) verbs.push_back(text.substr(space + 1));
  }
  nouns.erase(std::unique(nouns.begin(), nouns.end()), nouns.end());
  const bool knows_noun = !verbs.empty();
  const std::string_view wrong = knows_noun && words.size() > 1 ? words[1].text : words[0].text;
  std::vector<std::string> plain;
  for (std::size_t i = words[0].at; i < all.size(); ++i) plain.push_back(all[i]);
  if (const std::string meant = meant_by(plain); !meant.empty())
    throw Error(Code::invalid_argument, fmt::format("unknown command '{}'; did you mean: ncloud {}", wrong, meant));
  if (knows_noun)
    throw Error(Code::invalid_argument,
                fmt::format("{}; see: ncloud {} --help",
                            base::unknown_word(fmt::format("command of {}", first), wrong, verbs), first));
  throw Error(Code::invalid_argument,
              fmt::format("{}; see: ncloud --help", base::unknown_word("command", wrong, nouns)));
}

bool is_noun(std::string_view word) {
  return std::any_of(commands().begin(), commands().end(),
                     [&](const Command& c) { return c.words.starts_with(fmt::format("{} ", full_word(word))); });
}

}  // namespace

std::string flag_of(std::string_view field) {
  std::string name = fmt::format("--{}", field);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::optional<FoundFlag> find_flag(const Command* command, std::string_view flag) {
  if (command != nullptr)
    if (const auto found = find_among(command->arguments, flag)) return found;
  return find_among(program_arguments(), flag);
}

std::vector<Word> plain_words(const std::vector<std::string>& arguments, std::size_t most) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < arguments.size() && words.size() < most; ++i) {
    const std::string_view word = arguments[i];
    if (word == "--") break;
    if (word.size() > 1 && word.starts_with('-')) {
      const auto found = find_flag(nullptr, flag_in(word));
      if (found && found->takes_value && !carries_value(word)) ++i;
    } else {
      words.push_back({word, i});
    }
  }
  return words;
}

const Command* command_of(const std::vector<Word>& words) {
  if (words.empty()) return nullptr;
  const std::string one(full_word(words[0].text));
  const std::string two = words.size() > 1 ? fmt::format("{} {}", one, full_word(words[1].text)) : "";
  for (const Command& command : commands())
    if (command.words == one || command.words == two) return &command;
  return nullptr;
}

std::vector<std::string> understood(std::vector<std::string> arguments) {
  std::vector<Word> words = plain_words(arguments, 2);
  for (std::size_t i = 0; i < words.size(); ++i) {  // "help model train", "model help train"
    if (words[i].text != "help" || (i > 0 && !is_noun(words[0].text))) continue;
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(words[i].at));
    arguments.emplace_back("--help");
    words = plain_words(arguments, 2);
    break;
  }
  if (!words.empty() && words[0].text == "version") return {"--version"};
  const Command* command = command_of(words);
  if (command == nullptr && !words.empty() && !is_noun(words[0].text)) {
    // A verb without a noun is one of model, as "ncloud train" always was.
    const std::size_t at = words[0].at;
    command = command_of({{"model", 0}, words[0]});
    const bool names_noun = words.size() > 1 && words[1].text.size() > 2 && is_noun(words[1].text);  // "list datasets"
    if (command == nullptr || names_noun) refuse_words(words, arguments);
    arguments.insert(arguments.begin() + static_cast<std::ptrdiff_t>(at), "model");
  } else if (command == nullptr && words.size() > 1) {
    refuse_words(words, arguments);
  }
  check_flags(command, arguments);
  return arguments;
}

}  // namespace ncloud

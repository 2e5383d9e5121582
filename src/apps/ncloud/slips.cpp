#include "apps/ncloud/slips.h"

#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"

namespace ncloud {
namespace {

/// Words of other programs and ours.
struct Habit {
  std::string_view ours;
  std::vector<std::string_view> others;
};

const std::vector<Habit>& whole_commands() {
  static const std::vector<Habit> habits{
      {"configure", {"init", "config", "setup", "connect"}},
      {"login", {"signin", "auth"}},
      {"logout", {"signout"}},
      {"passwd", {"password", "pwreset", "pwrst"}},
      {"whoami", {"me", "id"}},
      {"info", {"status", "ping", "health", "cluster-info", "server"}},
      {"completion", {"completions", "autocomplete"}},
  };
  return habits;
}

const std::vector<Habit>& verbs() {
  static const std::vector<Habit> habits{
      {"ls", {"ps", "search", "find"}},
      {"show", {"get", "describe", "inspect", "view", "status", "cat", "info"}},
      {"rm", {"delete", "del", "destroy", "drop", "prune"}},
      {"add", {"create", "new", "make"}},
      {"train", {"run", "start", "submit", "fit", "apply", "exec", "launch"}},
      {"stop", {"kill", "cancel", "abort", "pause", "halt"}},
      {"resume", {"continue", "restart", "unpause"}},
      {"logs", {"log", "events"}},
      {"metrics", {"stats", "top", "results", "scalars"}},
      {"follow", {"watch", "tail", "attach", "wait"}},
      {"export", {"download", "pull", "save", "checkpoint"}},
      {"upload", {"push", "ul", "import"}},
      {"deploy", {"serve", "expose", "up"}},
      {"undeploy", {"unserve", "down", "ud"}},
      {"predict", {"infer", "classify", "ask", "query"}},
      {"rename", {"mv", "edit", "modify", "label"}},
      {"allot", {"set", "grant", "scale", "quota"}},
      {"revoke", {"rm", "delete", "del", "invalidate"}},
  };
  return habits;
}

const std::vector<Habit>& nouns() {
  static const std::vector<Habit> habits{
      {"model",
       {"job", "training", "train", "experiment", "trial", "deployment", "endpoint", "service", "pod", "container",
        "process", "checkpoint", "stream"}},
      {"dataset", {"data", "image", "images"}},
      {"volume", {"vol", "files", "folder", "storage", "share", "artifact"}},
      {"tenant", {"org", "organization", "namespace", "ns", "project", "team"}},
      {"user", {"account"}},
      {"resource", {"quota", "allotment", "machine", "node", "limit"}},
      {"token", {"key", "secret", "credential", "apikey"}},
  };
  return habits;
}

std::string_view ours(const std::vector<Habit>& habits, std::string_view word) {
  for (const Habit& habit : habits)
    if (std::find(habit.others.begin(), habit.others.end(), word) != habit.others.end()) return habit.ours;
  return "";
}

bool is_command(std::string_view words) {
  return std::any_of(commands().begin(), commands().end(), [&](const Command& c) { return c.words == words; });
}

bool is_noun(std::string_view word) {
  return std::any_of(commands().begin(), commands().end(),
                     [&](const Command& c) { return c.words.starts_with(fmt::format("{} ", word)); });
}

std::string noun_meant(std::string_view word) {
  for (const std::string_view form : {word, word.ends_with('s') ? word.substr(0, word.size() - 1) : word}) {
    const std::string_view full = full_word(form);
    if (is_noun(full)) return std::string(full);
    if (const std::string_view known = ours(nouns(), form); !known.empty()) return std::string(known);
  }
  return "";
}

/// "model show" of model and "describe"; empty when the noun has no such verb.
std::string with_verb(std::string_view noun, std::string_view word) {
  if (const std::string direct = fmt::format("{} {}", noun, full_word(word)); is_command(direct)) return direct;
  for (const Habit& habit : verbs())
    if (std::find(habit.others.begin(), habit.others.end(), word) != habit.others.end())
      if (std::string meant = fmt::format("{} {}", noun, habit.ours); is_command(meant)) return meant;
  if (noun == "dataset" && (word == "add" || word == "create")) return "dataset upload";
  return "";
}

std::string with_rest(std::string meant, const std::vector<std::string>& words, std::size_t first) {
  for (std::size_t i = first; i < words.size(); ++i) meant += " " + shell_word(words[i]);
  return meant;
}

struct Place {
  std::vector<std::string_view> flags;
  std::string_view text;
};

}  // namespace

std::string meant_by(const std::vector<std::string>& words) {
  if (words.empty()) return "";
  const std::string& first = words[0];
  const std::string noun = noun_meant(first);
  if (words.size() > 1) {
    if (!noun.empty())  // "jobs list", "model delete 3"
      if (std::string meant = with_verb(noun, words[1]); !meant.empty()) return with_rest(meant, words, 2);
    if (const std::string object = noun_meant(words[1]); !object.empty()) {  // "get models", "describe model 3"
      const bool wants_all = words.size() == 2 && (first == "get" || first == "show" || full_word(first) == "ls");
      if (std::string meant = with_verb(object, wants_all ? "ls" : first); !meant.empty())
        return with_rest(meant, words, 2);
    }
  }
  if (const std::string_view whole = ours(whole_commands(), first); !whole.empty()) return std::string(whole);
  if (std::string meant = with_verb("model", first); !meant.empty()) return with_rest(meant, words, 1);
  for (const Command& command : commands())  // "upload", "allot", "push"
    if (const auto space = command.words.find(' '); space != std::string::npos)
      if (with_verb(command.words.substr(0, space), first) == command.words) return with_rest(command.words, words, 1);
  return noun.empty() || is_noun(full_word(first)) ? "" : noun + " ls";
}

std::string_view place_of_option(std::string_view flag) {
  static const std::vector<Place> places{
      {{"learning-rate", "learning_rate", "lr", "momentum", "optimizer", "weight-decay", "decay", "schedule", "gamma",
        "gradient-clip"},
       "it belongs into the model file, under 'optimizer' (docs/formats/model-yaml.md)"},
      {{"layers", "loss", "cost", "activation", "dropout", "init", "metric", "metrics", "architecture"},
       "it belongs into the model file (docs/formats/model-yaml.md)"},
      {{"width", "height", "size", "augment", "crop", "flip", "shuffle", "workers", "num-workers"},
       "it belongs into the model file, under 'dataset' (docs/formats/dataset-config.md)"},
      {{"gpu", "gpus", "device", "cuda", "backend"}, "this server hands out CPUs (--cpus) and memory (--memory)"},
      {{"token", "password", "api-key"},
       "secrets are not taken from the command line, where others see them: set $NCLOUD_TOKEN, or: ncloud configure"},
      {{"tenant", "namespace", "project", "user", "username"},
       "a token stands for a user in a tenant: choose one with --profile"},
      {{"url", "server", "address", "endpoint", "port"}, "the server is named with --host"},
      {{"json", "yaml", "format", "table-format", "wide", "table"}, "the form of the answer is named with -o: -o json"},
      {{"quiet", "q", "silent"}, "answers go to standard output and the rest to standard error: 2> /dev/null"},
      {{"verbose", "v", "debug"}, "ncloud model logs says what happened in a training"},
      {{"watch", "w", "tail"}, "a training is watched with: ncloud model follow"},
      {{"yes", "y"}, "no command asks before it acts"},
      {{"class", "classes", "label"}, "class names come from labels.txt beside the manifest, or --labels FILE"},
  };
  for (const Place& place : places)
    if (std::find(place.flags.begin(), place.flags.end(), flag) != place.flags.end()) return place.text;
  return "";
}

}  // namespace ncloud

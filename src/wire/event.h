#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/fields.h"

namespace wire {

enum class EventKind { ready, step, epoch, checkpoint, log, end, checked, attached };
constexpr auto enumerators(EventKind) {
  return std::array{std::pair{EventKind::ready, "ready"},     std::pair{EventKind::step, "step"},
                    std::pair{EventKind::epoch, "epoch"},     std::pair{EventKind::checkpoint, "checkpoint"},
                    std::pair{EventKind::log, "log"},         std::pair{EventKind::end, "end"},
                    std::pair{EventKind::checked, "checked"}, std::pair{EventKind::attached, "attached"}};
}

/// Whether events of this kind have numbers, and are said again to whoever attaches until they are in safe hands.
constexpr bool lasts(EventKind kind) {
  return kind != EventKind::step && kind != EventKind::checked && kind != EventKind::attached;
}

enum class Outcome { completed, stopped, error };
constexpr auto enumerators(Outcome) {
  return std::array{std::pair{Outcome::completed, "completed"}, std::pair{Outcome::stopped, "stopped"},
                    std::pair{Outcome::error, "error"}};
}

/// More than any training has of anything, and far from where sums overflow.
inline constexpr double kMostCounted = 1e15, kMostEpochs = 1e9;

/// Of an epoch's metrics, and of each one's name: what is more goes into the log.
inline constexpr std::size_t kMostMetrics = 64, kMetricNameBytes = 100;

/// What is known of a model file that can be trained.
struct Checked {
  std::int64_t epochs = 1;
  std::optional<std::uint64_t> seed;
  std::int64_t memory_bytes = 0;
  std::vector<std::string> warnings;
  static constexpr auto fields() {
    return std::tuple(
        base::field("epochs", &Checked::epochs, "that the file asks for").range(0, kMostEpochs),
        base::field("seed", &Checked::seed, "that the file asks for, if it does"),
        base::field("memory_bytes", &Checked::memory_bytes, "that its training needs, estimated").at_least(0),
        base::field("warnings", &Checked::warnings, "likely mistakes"));
  }
};

/// One line of a job's event pipe: a JSON object. Which members are there depends on the kind.
struct Event {
  EventKind kind = EventKind::log;
  std::optional<std::int64_t> number;  ///< of one that lasts: 1, 2, and so on in each process
  std::optional<std::int64_t> epoch;   ///< from 0
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> batch;  ///< done in this epoch
  std::optional<std::int64_t> batches;
  std::optional<std::int64_t> step;  ///< done since the beginning of training
  std::optional<double> cost;
  std::optional<double> eval_cost;
  std::optional<base::json::object> metrics;
  std::optional<double> seconds;
  std::optional<double> images_per_s;
  std::optional<double> eta_s;
  std::optional<std::string> file;  ///< of a checkpoint: name of one of the checkpoint files
  std::optional<std::string> sha256;
  std::optional<Outcome> outcome;
  std::optional<std::string> code;      ///< of an error, as base::kind_of names it
  std::optional<std::string> text;      ///< log line, or the error's message
  std::optional<std::string> where;     ///< of an error: base::Error::where
  std::optional<std::int64_t> answers;  ///< which check
  std::optional<Checked> checked;
  static constexpr auto fields() {
    return std::tuple(base::field("kind", &Event::kind, "what happened").required(),
                      base::field("number", &Event::number, "of what must not be lost, from 1").range(1, kMostCounted),
                      base::field("epoch", &Event::epoch, "from 0").range(0, kMostEpochs),
                      base::field("epochs", &Event::epochs, "asked for").range(0, kMostEpochs),
                      base::field("batch", &Event::batch, "done in this epoch").range(0, kMostCounted),
                      base::field("batches", &Event::batches, "in an epoch").range(0, kMostCounted),
                      base::field("step", &Event::step, "done in all").range(0, kMostCounted),
                      base::field("cost", &Event::cost, "step: mean of the last 10 batches; epoch: of the epoch"),
                      base::field("eval_cost", &Event::eval_cost, "on the evaluation data"),
                      base::field("metrics", &Event::metrics, "on the evaluation data, by name"),
                      base::field("seconds", &Event::seconds, "of training in this epoch"),
                      base::field("images_per_s", &Event::images_per_s, "records trained per second"),
                      base::field("eta_s", &Event::eta_s, "estimated seconds to the end"),
                      base::field("file", &Event::file, "name of the checkpoint's file"),
                      base::field("sha256", &Event::sha256, "of that file"),
                      base::field("outcome", &Event::outcome, "how it ended"),
                      base::field("code", &Event::code, "of an error"), base::field("text", &Event::text, "for people"),
                      base::field("where", &Event::where, "of an error: JSON pointer into the document at fault"),
                      base::field("answers", &Event::answers, "number of a check").range(0, kMostCounted),
                      base::field("checked", &Event::checked, "answer to a check; on an error it is not there"));
  }
};

}  // namespace wire

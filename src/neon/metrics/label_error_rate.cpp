#include "base/error.h"
#include "neon/metric.h"
#include "neon/metrics/edit_distance.h"
#include "neon/shelf.h"

namespace neon {
namespace {

using Labels = std::vector<std::int64_t>;

/// What stands between separators; nothing twice in a row is no word.
std::vector<Labels> words_of(const Labels& labels, std::int64_t separator) {
  std::vector<Labels> words(1);
  for (const std::int64_t label : labels)
    if (label != separator)
      words.back().push_back(label);
    else if (!words.back().empty())
      words.emplace_back();
  if (words.back().empty()) words.pop_back();
  return words;
}

class LabelErrorRate final : public Metric {
 public:
  struct Config {
    std::int64_t blank = 0;
    std::optional<std::int64_t> space;
    static constexpr auto fields() {
      return std::tuple(
          base::field("blank", &Config::blank, "the class that stands for no label, as in the cost").at_least(0),
          base::field("space", &Config::space, "the class between words; with it their error rate is told, too")
              .at_least(0));
    }
  };
  explicit LabelErrorRate(const Config& config) : config_(config) {
    if (config.space == config.blank)
      throw base::Error(base::Code::invalid_argument, "space and blank are the same class; blanks are never written");
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names{"LabelErrorRate"};
    if (config_.space) names.emplace_back("WordErrorRate");
    return names;
  }
  void check_columns(std::int64_t columns) const override {
    for (const std::int64_t given : {config_.blank, config_.space.value_or(0)})
      if (given >= columns)
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("class {} is to be a blank or a space, but the network has {} outputs; give a "
                                      "number from 0 to {}",
                                      given, columns, columns - 1));
  }
  bool compares_sequences() const override { return true; }

  /// Of labels, and of words: edits, and how many there are in the targets.
  std::size_t sum_count() const override { return config_.space ? 4 : 2; }

  void add(std::span<const float> y, std::span<const float> t, std::int64_t rows, std::int64_t columns,
           std::span<double> sums) const override {
    check_columns(columns);
    const Labels told = spelled(y, rows, columns, true), target = spelled(t, count(t, columns), columns, false);
    sums[0] += static_cast<double>(edit_distance<std::int64_t>(told, target));
    sums[1] += static_cast<double>(target.size());
    if (!config_.space) return;
    const auto words = words_of(told, *config_.space), target_words = words_of(target, *config_.space);
    sums[2] += static_cast<double>(edit_distance<Labels>(words, target_words));
    sums[3] += static_cast<double>(target_words.size());
  }

  void finish(std::span<const double> sums, std::int64_t, std::span<double> figures) const override {
    for (std::size_t i = 0; i < figures.size(); ++i)
      figures[i] = sums[2 * i] == 0 ? 0 : sums[2 * i] / std::max(sums[2 * i + 1], 1.0);
  }

 private:
  static std::int64_t count(std::span<const float> rows, std::int64_t columns) {
    return static_cast<std::int64_t>(rows.size()) / columns;
  }

  /// The class of each row, but the blanks; of an output a class that is told again right after itself counts once.
  Labels spelled(std::span<const float> rows, std::int64_t row_count, std::int64_t columns, bool merges) const {
    Labels labels;
    std::int64_t before = -1;
    for (std::int64_t row = 0; row < row_count; ++row) {
      const auto values = rows.subspan(static_cast<std::size_t>(row * columns), static_cast<std::size_t>(columns));
      const std::int64_t now = std::max_element(values.begin(), values.end()) - values.begin();
      const bool is_padding = values[static_cast<std::size_t>(now)] == 0;  // a target's row without any class
      if (!is_padding && now != config_.blank && !(merges && now == before)) labels.push_back(now);
      before = now;
    }
    return labels;
  }

  Config config_;
};

const OnShelf<Metric, LabelErrorRate> registered(
    "LabelErrorRate", "share of labels that are wrong, missing or too many in sequences that nobody has aligned",
    R"(For the cost `CTC`. A sequence is read by its best path: the likeliest class of each real step, what repeats merged, `blank` left
out. The figure `LabelErrorRate` is the number of labels that must be replaced, put in or taken out to make the targets of it
(Levenshtein 1966), of all sequences together, over the number of labels in all targets; it may be over 1. Where labels are
characters this is the character error rate, CER. With `space` there is also `WordErrorRate`, WER: the same of the words between
spaces, of which those that differ anywhere are wrong.)",
    {{"CharErrorRate", ""},
     {"CER", ""},
     {"WordErrorRate", "LabelErrorRate with space"},
     {"WER", "LabelErrorRate with space"}});

}  // namespace
}  // namespace neon

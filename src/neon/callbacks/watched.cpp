#include "neon/callbacks/watched.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace neon {
namespace {

/// Names of figures of which more is better begin with these words.
constexpr std::string_view kHigherIsBetter[] = {"Accuracy", "Precision", "Recall"};

bool is_higher_better(const std::string& figure, Better better) {
  if (better != Better::by_name) return better == Better::higher;
  return std::any_of(std::begin(kHigherIsBetter), std::end(kHigherIsBetter),
                     [&](std::string_view word) { return figure.starts_with(word); });
}

}  // namespace

Watched::Watched(std::string figure, Better better, double least_gain)
    : figure_(std::move(figure)), higher_(is_higher_better(figure_, better)), least_gain_(least_gain) {}

void Watched::check(const std::vector<std::string>& figures) const {
  if (std::find(figures.begin(), figures.end(), figure_) != figures.end()) return;
  const std::vector<std::string_view> known(figures.begin(), figures.end());
  const bool evaluates = std::find(figures.begin(), figures.end(), "eval_cost") != figures.end();
  throw base::Error(base::Code::invalid_argument,
                    figure_ == "eval_cost" && !evaluates
                        ? "a callback watches eval_cost, but there are no evaluation data; give some, or watch 'cost'"
                        : base::unknown_word("figure", figure_, known),
                    "/callbacks");
}

std::optional<double> Watched::of(const EpochEvent& event) const {
  if (figure_ == "cost") return event.cost;
  if (figure_ == "eval_cost") return event.eval_cost;
  for (const auto& [name, value] : event.metrics)
    if (name == figure_) return value;
  return {};
}

bool Watched::improves(double value) {
  const bool better = !best_ || (higher_ ? value > *best_ + least_gain_ : value < *best_ - least_gain_);
  if (better) best_ = value;
  return better;
}

}  // namespace neon

#include "neon/sequence_writer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "neon/finite.h"

namespace neon {
namespace {

/// A sequence so far, which another token may join.
struct Candidate {
  double log_probability = 0;
  std::size_t from = 0;     ///< the sequence
  std::int32_t token = -1;  ///< -1: it has ended already
};

/// Those of equal probability in the order of their sequences and tokens.
bool is_likelier(const Candidate& a, const Candidate& b) {
  if (a.log_probability != b.log_probability) return a.log_probability > b.log_probability;
  return a.from != b.from ? a.from < b.from : a.token < b.token;
}

/// Drawn by probability to the power of 1/temperature.
std::int32_t drawn(std::span<const float> probabilities, double temperature, base::Random& random) {
  std::vector<double> shares(probabilities.begin(), probabilities.end());
  const double likeliest = *std::max_element(shares.begin(), shares.end());  // whose share never becomes 0
  double sum = 0;
  for (double& share : shares) sum += share = std::pow(share / likeliest, 1 / temperature);
  double left = random.uniform() * sum;
  for (std::size_t token = 0; token + 1 < shares.size(); ++token)
    if ((left -= shares[token]) < 0) return static_cast<std::int32_t>(token);
  return static_cast<std::int32_t>(std::max_element(shares.begin(), shares.end()) - shares.begin());
}

/// The sequences that are followed. Row i of the stepper is told what sequence i has.
class Beams {
 public:
  Beams(const WritingOptions& options, std::size_t columns)
      : options_(options), columns_(columns), random_(options.seed, 0), sequences_(1) {}

  /// The likeliest of all ways to go on. `probabilities` (rows, columns) are of the next token.
  void go_on(std::span<const float> probabilities) {
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < sequences_.size(); ++i) {
      const Written& sequence = sequences_[i];
      if (sequence.ended) {
        candidates.push_back({sequence.log_probability, i});
        continue;
      }
      const auto row = probabilities.subspan(i * columns_, columns_);
      const auto add = [&](std::int32_t token) {
        candidates.push_back(
            {sequence.log_probability + std::log(static_cast<double>(row[static_cast<std::size_t>(token)])), i, token});
      };
      if (options_.temperature > 0)
        add(drawn(row, options_.temperature, random_));
      else
        for (std::size_t token = 0; token < columns_; ++token) add(static_cast<std::int32_t>(token));
    }
    const auto kept = std::min(candidates.size(), static_cast<std::size_t>(options_.num_beams));
    std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(kept), candidates.end(),
                      is_likelier);
    candidates.resize(kept);
    take(candidates, probabilities);
  }

  bool all_ended() const {
    return std::all_of(sequences_.begin(), sequences_.end(), [](const Written& sequence) { return sequence.ended; });
  }
  /// Which rows those of the stepper go on from, and what they are told. Rows that nobody needs repeat the first.
  const std::vector<std::size_t>& from() const { return from_; }
  const std::vector<std::int32_t>& tokens() const { return tokens_; }
  std::vector<Written> finish() { return std::move(sequences_); }

 private:
  void take(const std::vector<Candidate>& candidates, std::span<const float> probabilities) {
    std::vector<Written> next;
    from_.assign(static_cast<std::size_t>(options_.num_beams), 0);
    tokens_.assign(from_.size(), 0);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const Candidate& candidate = candidates[i];
      Written& sequence = next.emplace_back(sequences_[candidate.from]);
      sequence.log_probability = candidate.log_probability;
      if (candidate.token < 0) continue;
      if (options_.end == candidate.token) {
        sequence.ended = true;
        continue;
      }
      sequence.tokens.push_back(candidate.token);
      sequence.probabilities.push_back(
          static_cast<double>(probabilities[candidate.from * columns_ + static_cast<std::size_t>(candidate.token)]));
      from_[i] = candidate.from;
      tokens_[i] = candidate.token;
    }
    sequences_ = std::move(next);
  }

  const WritingOptions& options_;
  std::size_t columns_;
  base::Random random_;
  std::vector<Written> sequences_;
  std::vector<std::size_t> from_;
  std::vector<std::int32_t> tokens_;
};

}  // namespace

SequenceWriter::SequenceWriter(const Checkpoint& checkpoint, StepperOptions options)
    : graph_(build_graph(checkpoint.spec, checkpoint.inputs)),
      telling_(telling_of(graph_)),
      parameters_(parameters_of(checkpoint)),
      options_(std::move(options)) {}

Stepper& SequenceWriter::stepper_for(std::int64_t rows) {
  std::unique_ptr<Stepper>& stepper = steppers_[rows];
  if (stepper) return *stepper;
  StepperOptions options = options_;
  options.rows = rows;
  stepper = make_stepper(graph_, parameters_, options);
  return *stepper;
}

void SequenceWriter::check(std::span<const std::int32_t> told, const WritingOptions& options) const {
  const auto refuse = [](std::string message) { throw base::Error(base::Code::invalid_argument, std::move(message)); };
  constexpr std::int64_t kMostBeams = 1024, kMostSteps = 1'000'000;
  if (options.num_beams < 1 || options.num_beams > kMostBeams)
    refuse(fmt::format("num_beams must be from 1 to {}, got {}", kMostBeams, options.num_beams));
  if (options.steps < 1 || options.steps > kMostSteps)
    refuse(fmt::format("steps must be from 1 to {}, got {}", kMostSteps, options.steps));
  if (!(options.temperature >= 0)) refuse(fmt::format("temperature must be 0 or more, got {}", options.temperature));
  if (options.temperature > 0 && options.num_beams > 1)
    refuse("tokens are drawn (temperature) or the likeliest sequences looked for (num_beams), not both");
  if (told.empty()) refuse("the model must be told a token to go on from: a start token, or a text");
  for (const std::int32_t token : told)
    if (token < 0 || token >= telling_.tokens)
      refuse(fmt::format("the model knows tokens from 0 to {}, got {}", telling_.tokens - 1, token));
}

std::vector<Written> SequenceWriter::write(std::span<const std::byte* const> read, std::span<const std::int32_t> told,
                                           const WritingOptions& options) {
  check(told, options);
  Stepper& stepper = stepper_for(options.num_beams);
  stepper.begin(read);
  std::int64_t left = stepper.limit().value_or(std::int64_t{1} << 62) - static_cast<std::int64_t>(told.size());
  if (left < 0)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("the model takes sequences of {} tokens, but is told {}", *stepper.limit(), told.size()));
  const auto rows = static_cast<std::size_t>(options.num_beams);
  std::span<const float> probabilities;
  for (const std::int32_t token : told) probabilities = stepper.tell(std::vector<std::int32_t>(rows, token));
  Beams beams(options, static_cast<std::size_t>(telling_.tokens));
  for (std::int64_t step = 1;; ++step) {
    if (!all_finite(probabilities))
      throw base::Error(base::Code::invalid_argument,
                        "the probabilities of the next token are not finite: the training of this model diverged");
    beams.go_on(probabilities);
    if (step == options.steps || left-- == 0 || beams.all_ended()) return beams.finish();
    stepper.follow(beams.from());
    probabilities = stepper.tell(beams.tokens());
  }
}

}  // namespace neon

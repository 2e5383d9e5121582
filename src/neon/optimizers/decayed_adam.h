#pragma once
#include "neon/optimizers/rule.h"

namespace neon {

/// What AdamW and LAMB share: the means of gradients and of their squares, with a schedule and a weight decay that the
/// means do not see. States: m, v.
class DecayedAdam : public Optimizer {
 public:
  struct Config {
    StochasticRound stochastic_round;
    double learning_rate = 0.001;
    double beta_1 = 0.9;
    double beta_2 = 0.999;
    double epsilon = 1e-8;
    double wdecay = 0.01;
    std::optional<double> gradient_clip_norm, gradient_clip_value, param_clip_value;
    std::optional<std::string> name;
    Part schedule{"Schedule"};
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("stochastic_round", &C::stochastic_round, "only false"),
          base::field("learning_rate", &C::learning_rate, "step size, before the schedule").at_least(0),
          base::field("beta_1", &C::beta_1, "share of the old mean that is kept, under 1").range(0, 1),
          base::field("beta_2", &C::beta_2, "share of the old mean of squares that is kept, under 1").range(0, 1),
          base::field("epsilon", &C::epsilon, "keeps the divisor over 0").positive(),
          base::field("wdecay", &C::wdecay, "weight decay, apart from the gradient").at_least(0),
          base::field("gradient_clip_norm", &C::gradient_clip_norm, "bound of the norm of all gradients together"),
          base::field("gradient_clip_value", &C::gradient_clip_value, "bound of each gradient"),
          base::field("param_clip_value", &C::param_clip_value, "bound of each weight"),
          base::field("name", &C::name, "a name for people; changes nothing"),
          base::field("schedule", &C::schedule, "the learning rate as a function of the epoch"));
    }
  };

  explicit DecayedAdam(Config config)
      : config_(std::move(config)), schedule_(Shelf<LearningRateSchedule>::instance().make(config_.schedule)) {
    check_bound(config_.gradient_clip_norm, "gradient_clip_norm");
    check_under_one(config_.beta_1, "beta_1");
    check_under_one(config_.beta_2, "beta_2");
  }

  int state_count() const final { return 2; }
  std::optional<double> learning_rate(std::int64_t epoch) const final { return rate_of(epoch); }
  std::optional<double> gradient_clip_norm() const final { return config_.gradient_clip_norm; }

 protected:
  const Config& config() const { return config_; }
  double rate_of(std::int64_t epoch) const { return schedule_->learning_rate(config_.learning_rate, epoch); }

  /// In double, for the oracles: takes a gradient into m and v, and gives m / (sqrt(v) + epsilon), both corrected for
  /// their start at zero.
  double reference_direction(double gradient, double& m, double& v, const StepScalars& scalars) const {
    const double g = scalars.norm_scale * clip(gradient / static_cast<double>(scalars.batch_size),
                                               bound_or_none(config_.gradient_clip_value));
    m = config_.beta_1 * m + (1 - config_.beta_1) * g;
    v = config_.beta_2 * v + (1 - config_.beta_2) * g * g;
    const double mean = m / weight_gathered(config_.beta_1, scalars.step);
    const double square = v / weight_gathered(config_.beta_2, scalars.step);
    return mean / (std::sqrt(square) + config_.epsilon);
  }

 private:
  Config config_;
  std::shared_ptr<const LearningRateSchedule> schedule_;
};

}  // namespace neon

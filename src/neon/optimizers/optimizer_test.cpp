#include "neon/optimizer.h"

#include <gtest/gtest.h>

#include <omp.h>

#include "base/random.h"
#include "neon/shelf_configs_test.h"

namespace neon {
namespace {

std::unique_ptr<Optimizer> optimizer(std::string_view text) {
  return Shelf<Optimizer>::instance().make(Part::from_json(base::parse_json(text, "test"), "/optimizer"));
}

std::string refusal(std::string_view text) {
  try {
    optimizer(text);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::invalid_argument);
    return error.where + ": " + error.message;
  }
  return "accepted";
}

/// Weights, gradient and states in one precision.
template <class Real>
struct Numbers {
  std::vector<Real> weights, gradient;
  std::vector<std::vector<Real>> states;
};

const testing::Samples kSamples{
    {"learning_rate", {"0.1"}},
    {"momentum_coef", {"0", "0.9"}},
    {"decay", {"0.8"}},
    {"decay_rate", {"0.8"}},
    {"beta_1", {"0.8"}},
    {"beta_2", {"0.9"}},
    {"epsilon", {"0.01"}},
    {"wdecay", {"0.01"}},
    {"gradient_clip_value", {"0.3"}},
    {"gradient_clip_norm", {"1"}},
    {"param_clip_value", {"0.5"}},
    {"schedule", {R"({"type":"Schedule","config":{"step_config":[2,4],"change":0.1}})"}},
    {"optimizer",
     {R"({"type":"Adam"})", R"({"type":"GradientDescentMomentum","config":{"learning_rate":0.1,"momentum_coef":0}})"}},
    {"optimizer_mapping", {R"({"default":"Adam"})"}},
};

/// Fast and reference rule side by side over several steps, from the same random numbers.
void compare(const Part& part, std::size_t n = 203) {
  SCOPED_TRACE(testing::text_of(part));
  const auto rule = Shelf<Optimizer>::instance().make(part);
  base::Random random(7, 1);
  const auto states = static_cast<std::size_t>(rule->state_count());
  Numbers<float> fast{std::vector<float>(n), std::vector<float>(n), std::vector(states, std::vector<float>(n))};
  for (float& weight : fast.weights) weight = static_cast<float>(random.normal());
  Numbers<double> exact;
  exact.weights.assign(fast.weights.begin(), fast.weights.end());
  exact.gradient.resize(n);
  exact.states.assign(states, std::vector<double>(n));
  std::vector<float*> fast_states;
  std::vector<std::span<double>> exact_states;
  for (std::size_t k = 0; k < states; ++k) {
    fast_states.push_back(fast.states[k].data());
    exact_states.emplace_back(exact.states[k]);
  }
  for (std::int64_t step = 1; step <= 5; ++step) {
    for (std::size_t i = 0; i < n; ++i) exact.gradient[i] = fast.gradient[i] = static_cast<float>(20 * random.normal());
    const StepScalars scalars{.epoch = step, .step = step, .batch_size = 32, .norm_scale = step % 2 == 0 ? 1.0 : 0.7};
    rule->update(fast.weights, fast.gradient, fast_states, scalars);
    rule->reference_update(exact.weights, exact.gradient, exact_states, scalars);
  }
  for (std::size_t i = 0; i < n; ++i) {
    ASSERT_NEAR(fast.weights[i], exact.weights[i], 2e-5) << "at " << i;
    for (std::size_t k = 0; k < states; ++k)
      ASSERT_NEAR(fast.states[k][i], exact.states[k][i], 2e-5) << "state " << k << " at " << i;
  }
}

TEST(OptimizerFastRule, EqualsTheReferenceForEveryMemberAndCombinationOfOptions) {
  for (const Part& part : testing::all_configurations<Optimizer>(kSamples)) compare(part);
}

TEST(OptimizerFastRule, GivesTheSameBitsForEveryNumberOfThreads) {
  constexpr std::size_t n = 150'001;  // large enough to go parallel, and no multiple of anything
  const int threads = omp_get_max_threads();
  for (const Part& part : testing::least_configurations<Optimizer>(kSamples)) {
    const auto rule = Shelf<Optimizer>::instance().make(part);
    std::vector<std::vector<float>> results;
    for (const int count : {1, 2, 3}) {
      omp_set_num_threads(count);
      std::vector<float> weights(n), gradient(n);
      base::Random random(3, 3);
      for (std::size_t i = 0; i < n; ++i) {
        weights[i] = static_cast<float>(random.uniform(-1, 1));
        gradient[i] = static_cast<float>(random.uniform(-1, 1));
      }
      std::vector<std::vector<float>> states(static_cast<std::size_t>(rule->state_count()), std::vector<float>(n));
      std::vector<float*> pointers;
      for (std::vector<float>& state : states) pointers.push_back(state.data());
      for (std::int64_t step = 1; step <= 3; ++step)
        rule->update(weights, gradient, pointers, {.step = step, .batch_size = 7});
      results.push_back(weights);
    }
    EXPECT_EQ(results[0], results[1]) << part.type;
    EXPECT_EQ(results[0], results[2]) << part.type;
  }
  omp_set_num_threads(threads);
}

/// The weight after each of two steps with gradient sums 2 and -4 over a batch of 2, from weight 1: g = 1, then -2.
std::array<double, 2> two_steps(std::string_view text, double norm_scale = 1) {
  const auto rule = optimizer(text);
  std::vector<float> weight{1.0f}, states(2);
  std::vector<float*> pointers{&states[0], &states[1]};
  pointers.resize(static_cast<std::size_t>(rule->state_count()));
  std::array<double, 2> result{};
  for (std::int64_t step = 1; step <= 2; ++step) {
    const std::vector<float> gradient{step == 1 ? 2.0f : -4.0f};
    rule->update(weight, gradient, pointers, {.epoch = 0, .step = step, .batch_size = 2, .norm_scale = norm_scale});
    result[static_cast<std::size_t>(step - 1)] = static_cast<double>(weight[0]);
  }
  return result;
}

void expect_steps(std::array<double, 2> came, double first, double second) {
  EXPECT_NEAR(came[0], first, 1e-6);
  EXPECT_NEAR(came[1], second, 1e-6);
}

constexpr const char* kGdm = R"({{"type":"GradientDescentMomentum","config":{{{}}}}})";

TEST(GradientDescentMomentum, FollowsTheFormulas) {
  const auto gdm = [](std::string_view config) { return fmt::format(fmt::runtime(kGdm), config); };
  // p = (1 - .1·.5)·1 - .1·1 = .85; p = .95·.85 + .2
  expect_steps(two_steps(gdm(R"("learning_rate":0.1,"momentum_coef":0,"wdecay":0.5)")), 0.85, 1.0075);
  // v = -.1, p = .9; v = -.09 + .2 = .11, p = 1.01
  expect_steps(two_steps(gdm(R"("learning_rate":0.1,"momentum_coef":0.9)")), 0.9, 1.01);
  // decay joins the gradient: g' = 1.5, v = -.15, p = .85; g' = -1.575, v = -.135 + .1575 = .0225, p = .8725
  expect_steps(two_steps(gdm(R"("learning_rate":0.1,"momentum_coef":0.9,"wdecay":0.5)")), 0.85, 0.8725);
  // nesterov: v = -.1, p = 1 - .09 - .1 = .81; v = .11, p = .81 + .099 + .2 = 1.109
  expect_steps(two_steps(gdm(R"("learning_rate":0.1,"momentum_coef":0.9,"nesterov":true)")), 0.81, 1.109);
  // clipped to ±.5, then scaled by .5: g = .25, -.25
  expect_steps(two_steps(gdm(R"("learning_rate":1,"momentum_coef":0,"gradient_clip_value":0.5)"), 0.5), 0.75, 1.0);
  // the bound of the weights holds with momentum and, as in neon, not without
  expect_steps(two_steps(gdm(R"("learning_rate":0.1,"momentum_coef":0.9,"param_clip_value":0.7)")), 0.7, 0.7);
  expect_steps(two_steps(gdm(R"("learning_rate":0.1,"momentum_coef":0,"param_clip_value":0.7)")), 0.9, 1.1);
}

TEST(RMSProp, FollowsTheFormula) {
  // a = .05, p = 1 - .002/sqrt(.05); a = .0475 + .2, p += .004/sqrt(.2475); epsilon is below the tolerance
  const double first = 1 - 0.002 / std::sqrt(0.05);
  expect_steps(two_steps(R"({"type":"RMSProp"})"), first, first + 0.004 / std::sqrt(0.2475));
}

TEST(Adam, FollowsTheFormula) {
  // step 1: m = .1, v = .001, l = .001·sqrt(.001)/.1, so the first step is the learning rate
  const double m = 0.9 * 0.1 - 0.2, v = 0.999 * 0.001 + 0.004;
  const double l = 0.001 * std::sqrt(1 - 0.998001) / (1 - 0.81);
  expect_steps(two_steps(R"({"type":"Adam"})"), 0.999, 0.999 - l * m / std::sqrt(v));
}

TEST(Adam, KeepsWeightsWithinTheirBound) {
  expect_steps(two_steps(R"({"type":"Adam","config":{"learning_rate":0.5,"param_clip_value":0.2}})"), 0.2, 0.2);
}

TEST(ShiftAdaMax, FollowsTheFormula) {
  // t = 1, l = .002/.1 = .02, its shift 2^-6; m = .1, v = 1: p = 1 - .1/64. Then m = .09 - .2 = -.11, v = 2: shift 1/2.
  expect_steps(two_steps(R"({"type":"ShiftAdaMax"})"), 1 - 0.1 / 64, 1 - 0.1 / 64 + 0.11 / 128);
  // no weight leaves ±1
  expect_steps(two_steps(R"({"type":"ShiftAdaMax","config":{"learning_rate":80}})"), -1, 1);
}

/// Two weights after each of three steps by the reference in double.
using Course = std::array<std::array<double, 2>, 3>;
Course three_steps(std::string_view text) {
  const auto rule = optimizer(text);
  std::vector<double> weights{1, -0.5};
  std::vector<std::vector<double>> states(static_cast<std::size_t>(rule->state_count()), std::vector<double>(2));
  const std::vector<std::span<double>> spans(states.begin(), states.end());
  Course course{};
  const std::array<std::array<double, 2>, 3> gradients{{{1, 0.25}, {-2, 0.5}, {0.5, -0.75}}};
  for (std::size_t i = 0; i < 3; ++i) {
    rule->reference_update(weights, gradients[i], spans, {.step = static_cast<std::int64_t>(i) + 1});
    std::copy(weights.begin(), weights.end(), course[i].begin());
  }
  return course;
}

void expect_course(const Course& came, const Course& expected) {
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t k = 0; k < 2; ++k)
      EXPECT_NEAR(came[i][k], expected[i][k], 1e-9) << "weight " << k << ", step " << i;
}

// Numbers of PyTorch 2 in float64.
TEST(Optimizer, GoesTheSameWayAsPyTorch) {
  expect_course(three_steps(R"({"type":"AdamW","config":{"learning_rate":0.1}})"),
                {{{0.8990000010, -0.5994999960}, {0.9347113535, -0.6954186961}, {0.9474457083, -0.6880633760}}});
  expect_course(
      three_steps(
          R"({"type":"AdamW","config":{"learning_rate":0.1,"beta_1":0.8,"beta_2":0.9,"epsilon":0.1,"wdecay":0.5}})"),
      {{{0.8590909091, -0.5464285714}, {0.8552161869, -0.5966557592}, {0.8258134211, -0.5549549190}}});
  expect_course(three_steps(R"({"type":"Adagrad","config":{"learning_rate":0.1,"epsilon":1e-20}})"),
                {{{0.9, -0.6}, {0.9894427191, -0.6894427191}, {0.9676209301, -0.6092643466}}});
  expect_course(three_steps(R"({"type":"Adadelta"})"),
                {{{0.9955279088, -0.5044714206}, {1.0012132213, -0.5101561346}, {0.9993157734, -0.5033124312}}});
}

// PyTorch has no LAMB; the formula in its float64 tensors.
TEST(LAMB, FollowsTheFormulaWithTheNormsOfBothWeights) {
  expect_course(three_steps(R"({"type":"LAMB","config":{"learning_rate":0.1}})"),
                {{{0.9203537201, -0.5784631767}, {0.9582548306, -0.6803465020}, {1.0600254661, -0.6215759771}}});
}

TEST(MultiOptimizer, PrefersTheLayersNameThenItsClass) {
  const auto multi = optimizer(R"({"type":"MultiOptimizer","config":{"optimizer_mapping":{
      "default":{"type":"GradientDescentMomentum","config":{"learning_rate":1,"momentum_coef":0}},
      "Bias":{"type":"RMSProp"}, "special_linear":"Adam"}}})");
  EXPECT_EQ(multi->rule_for("special_linear", "Bias").state_count(), 2);
  EXPECT_EQ(multi->rule_for("Linear_0_bias", "Bias").state_count(), 1);
  EXPECT_EQ(multi->rule_for("Linear_0", "Linear").state_count(), 0);
  const auto adam = optimizer(R"("Adam")");
  EXPECT_EQ(&adam->rule_for("Linear_0", "Linear"), adam.get());
  EXPECT_EQ(refusal(R"({"type":"MultiOptimizer","config":{"optimizer_mapping":{"Bias":"Adam"}}})"),
            "/optimizer/config: optimizer_mapping needs the key 'default' for the layers it does not name");
  EXPECT_EQ(refusal(R"({"type":"MultiOptimizer","config":{"optimizer_mapping":{"default":"Adan"}}})"),
            "/optimizer/config/optimizer_mapping/default/type: unknown optimizer 'Adan'; did you mean 'Adam'?");
}

TEST(Regularized, AddsTheGradientOfItsPenalties) {
  // g = 1 + .5·sign(1) + .25·1 = 1.75, p = .825; g = -2 + .5 + .25·.825, p = .825 + .129375
  expect_steps(two_steps(R"({"type":"Regularized","config":{"l1":0.5,"l2":0.25,"optimizer":
      {"type":"GradientDescentMomentum","config":{"learning_rate":0.1,"momentum_coef":0}}}})"),
               0.825, 0.954375);
  EXPECT_TRUE(refusal(R"({"type":"Regularized","config":{"optimizer":{"type":"MultiOptimizer","config":
      {"optimizer_mapping":{"default":"Adam"}}}}})")
                  .find("optimizer must be a single rule, got MultiOptimizer") != std::string::npos);
}

TEST(Optimizer, KeepsOnlyTheStatesItNeeds) {
  EXPECT_EQ(optimizer(fmt::format(fmt::runtime(kGdm), R"("learning_rate":1,"momentum_coef":0)"))->state_count(), 0);
  EXPECT_EQ(optimizer(fmt::format(fmt::runtime(kGdm), R"("learning_rate":1,"momentum_coef":0.5)"))->state_count(), 1);
  EXPECT_EQ(optimizer(R"("RMSProp")")->state_count(), 1);
  EXPECT_EQ(optimizer(R"("Adam")")->state_count(), 2);
  EXPECT_EQ(optimizer(R"({"type":"Adam","config":{"gradient_clip_norm":5}})")->gradient_clip_norm(), 5.0);
  EXPECT_EQ(optimizer(R"("Adam")")->gradient_clip_norm(), std::nullopt);
}

TEST(Optimizer, RefusesWhatItCannotDo) {
  EXPECT_EQ(refusal(R"({"type":"adam"})"), "/optimizer/type: unknown optimizer 'adam'; did you mean 'Adam'?");
  EXPECT_EQ(refusal(R"({"type":"Adam","config":{"beta1":0.9}})"),
            "/optimizer/config/beta1: unknown key 'beta1'; did you mean 'beta_1'?");
  EXPECT_EQ(refusal(R"({"type":"GradientDescentMomentum","config":{"momentum_coef":0.9}})"),
            "/optimizer/config: 'learning_rate' is missing");
  EXPECT_EQ(
      refusal(R"({"type":"GradientDescentMomentum","config":{"learning_rate":1,"momentum_coef":0,"nesterov":true}})"),
      "/optimizer/config: nesterov needs a momentum_coef over 0, got 0");
  EXPECT_TRUE(refusal(R"({"type":"Adam","config":{"stochastic_round":true}})")
                  .starts_with("/optimizer/config/stochastic_round"));
  EXPECT_EQ(refusal(R"({"type":"Adam","config":{"stochastic_round":false}})"), "accepted");
  EXPECT_EQ(refusal(R"({"type":"RMSProp","config":{"gradient_clip_norm":0}})"),
            "/optimizer/config: gradient_clip_norm must be positive, got 0");
  EXPECT_EQ(refusal(R"({"type":"RMSProp","config":{"schedule":{"type":"Schedul"}}})"),
            "/optimizer/config/schedule/type: unknown schedule 'Schedul'; did you mean 'Schedule'?");
}

}  // namespace
}  // namespace neon

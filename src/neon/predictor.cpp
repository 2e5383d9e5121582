#include "neon/predictor.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "neon/finite.h"

namespace neon {

Predictor::Predictor(const Checkpoint& checkpoint, const PredictorOptions& options)
    : options_(options), graph_(build_graph(checkpoint.spec, checkpoint.inputs)), labels_(checkpoint.labels) {
  if (options.max_batch < 1)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("max_batch must be positive, got {}", options.max_batch));
  if (graph_.adversaries)
    options_.inputs = {{"", sample_shape()}};  // noise
  else if (options_.inputs.empty())
    options_.inputs = graph_.input_columns();
  for (const tensor::Column& input : options_.inputs) {
    sample_bytes_.push_back(
        static_cast<std::size_t>(tensor::element_count(input.shape) * tensor::size_of(input.dtype)));
    padded_.emplace_back(sample_bytes_.back() * static_cast<std::size_t>(options.max_batch));
    padded_data_.push_back(padded_.back().data());
  }
  for (std::int64_t rows = 1; rows < options.max_batch; rows *= 2) plans_.push_back({rows, nullptr});
  plans_.push_back({options.max_batch, nullptr});
  Plan& plan = plan_for(plans_.front());
  plan.import_parameters(parameters_of(checkpoint));
  if (const std::string what = plan.parameter_not_finite(); !what.empty())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("{} is not finite: the training of this model diverged, it cannot predict", what));
}

Plan& Predictor::plan_for(Sized& sized) {
  if (sized.plan) return *sized.plan;
  PlanOptions options;
  options.batch_size = sized.rows;
  options.threads = options_.threads;
  if (!graph_.adversaries) options.inputs = options_.inputs;
  if (&sized != &plans_.front()) options.weights_of = plans_.front().plan.get();
  sized.plan = compile(graph_, options);
  return *sized.plan;
}

std::span<const float> Predictor::run(Sized& sized, std::span<const std::byte* const> samples) {
  std::vector<tensor::Tensor> inputs;
  for (std::size_t i = 0; i < samples.size(); ++i)
    inputs.push_back({options_.inputs[i].dtype, tensor::with_rows(sized.rows, options_.inputs[i].shape),
                      const_cast<std::byte*>(samples[i])});
  return plan_for(sized).infer(inputs);
}

void Predictor::warm_up() {
  for (Sized& sized : plans_) run(sized, padded_data_);
}

std::span<const float> Predictor::predict(std::span<const std::byte* const> samples, std::int64_t rows) {
  if (rows < 1 || rows > options_.max_batch)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("between 1 and {} samples can be predicted at once, got {}", options_.max_batch, rows));
  Sized& sized = *std::find_if(plans_.begin(), plans_.end(), [&](const Sized& s) { return s.rows >= rows; });
  if (sized.rows != rows) {
    for (std::size_t i = 0; i < samples.size(); ++i)
      std::memcpy(padded_[i].data(), samples[i], sample_bytes_[i] * static_cast<std::size_t>(rows));
    samples = padded_data_;
  }
  const auto outputs = run(sized, samples).first(static_cast<std::size_t>(rows * out_count()));
  if (!all_finite(outputs))
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("{} are not finite for this input: it is out of all proportion to what the model was "
                                  "trained on, or the training diverged",
                                  sized.plan->output_not_finite(false)));
  return outputs;
}

void Predictor::check_k(std::int64_t k) const {
  if (k < 1 || k > columns())
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("k must be between 1 and {}, the number of the model's outputs; got {}", columns(), k));
}

std::int64_t Predictor::usual_k() const {
  constexpr std::int64_t kClasses = 5;
  return options_.ranked ? std::min(kClasses, columns()) : columns();
}

std::vector<ClassProbability> Predictor::top_k(std::span<const float> row, std::int64_t k) const {
  check_k(k);
  std::vector<std::int64_t> order(row.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto at = [&](std::int64_t i) { return row[static_cast<std::size_t>(i)]; };
  if (options_.ranked)
    std::partial_sort(order.begin(), order.begin() + k, order.end(),
                      [&](std::int64_t a, std::int64_t b) { return at(a) != at(b) ? at(a) > at(b) : a < b; });
  std::vector<ClassProbability> best;
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t index = order[static_cast<std::size_t>(i)];
    const bool named = static_cast<std::size_t>(index) < labels_.size();
    best.push_back({at(index), index, named ? labels_[static_cast<std::size_t>(index)] : std::string()});
  }
  return best;
}

std::vector<std::vector<ClassProbability>> Predictor::top_k_of_steps(std::span<const float> outputs,
                                                                     std::int64_t k) const {
  const auto count = static_cast<std::size_t>(steps());
  std::vector<std::vector<ClassProbability>> best;
  std::vector<float> row(static_cast<std::size_t>(columns()));
  for (std::size_t step = 0; step < count; ++step) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = outputs[i * count + step];  // (columns, steps)
    best.push_back(top_k(row, k));
  }
  return best;
}

}  // namespace neon

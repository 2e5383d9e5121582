#include "neon/predictor.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "neon/cost_terms.h"
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
  if (!graph_.adversaries)
    for (const CostTerm& term : cost_terms(checkpoint.spec.cost)) {
      blanks_.resize(std::max(blanks_.size(), term.output + 1));
      blanks_[term.output] = term.cost->blank();
    }
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
  last_ = &sized;
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

ClassProbability Predictor::named(std::int64_t index, float probability, bool with_label) const {
  const bool named = with_label && static_cast<std::size_t>(index) < labels_.size();
  return {probability, index, named ? labels_[static_cast<std::size_t>(index)] : std::string()};
}

std::vector<ClassProbability> Predictor::top_k(std::span<const float> row, std::int64_t k) const {
  check_k(k);
  return largest(row, k, true);
}

std::vector<ClassProbability> Predictor::largest(std::span<const float> row, std::int64_t k, bool with_labels) const {
  std::vector<std::int64_t> order(row.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto at = [&](std::int64_t i) { return row[static_cast<std::size_t>(i)]; };
  std::partial_sort(order.begin(), order.begin() + k, order.end(),
                    [&](std::int64_t a, std::int64_t b) { return at(a) != at(b) ? at(a) > at(b) : a < b; });
  std::vector<ClassProbability> best;
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t index = order[static_cast<std::size_t>(i)];
    best.push_back(named(index, at(index), with_labels));
  }
  return best;
}

std::vector<Answer> Predictor::answers(std::int64_t row, std::int64_t k) const {
  constexpr std::int64_t kClasses = 5;
  if (k != 0) check_k(k);
  std::vector<Answer> answers;
  for (std::size_t output = 0; output < graph_.predicted_count(); ++output) {
    const std::int64_t columns = graph_.columns(output), steps = graph_.rows_per_example(output);
    const std::span<const float> numbers = last_->plan->output(output).subspan(
        static_cast<std::size_t>(row * graph_.out_count(output)), static_cast<std::size_t>(columns * steps));
    const bool ranked = is_ranked(output);
    const std::int64_t told = std::min(k != 0 ? k : ranked ? kClasses : columns, columns);
    Answer& answer = answers.emplace_back();
    std::vector<float> of_step(static_cast<std::size_t>(columns));
    for (std::int64_t step = 0; step < steps; ++step) {
      for (std::int64_t i = 0; i < columns; ++i)  // (columns, steps)
        of_step[static_cast<std::size_t>(i)] = numbers[static_cast<std::size_t>(i * steps + step)];
      if (ranked) {
        answer.steps.push_back(largest(of_step, told, output == 0));
      } else {
        auto& all = answer.steps.emplace_back();
        for (std::int64_t i = 0; i < told; ++i) all.push_back(named(i, of_step[static_cast<std::size_t>(i)], false));
      }
    }
    if (output < blanks_.size() && blanks_[output]) answer.text = spelled(answer.steps, *blanks_[output]);
  }
  return answers;
}

/// Labels of one character are put together, others with blanks between them.
std::string Predictor::spelled(const std::vector<std::vector<ClassProbability>>& steps, std::int64_t blank) const {
  const bool letters = !labels_.empty() && std::all_of(labels_.begin(), labels_.end(), [](const std::string& label) {
    return std::count_if(label.begin(), label.end(), [](char c) { return (c & 0xC0) != 0x80; }) <= 1;
  });
  std::string text;
  std::int64_t before = blank;
  for (const auto& best : steps) {
    const ClassProbability& likeliest = best.front();
    if (likeliest.index != blank && likeliest.index != before) {
      if (!letters && !text.empty()) text += ' ';
      text += likeliest.label.empty() ? std::to_string(likeliest.index) : likeliest.label;
    }
    before = likeliest.index;
  }
  return text;
}

}  // namespace neon

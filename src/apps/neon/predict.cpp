#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>

#include "apps/neon/commands.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "job/data.h"
#include "job/samples.h"
#include "job/text_writer.h"
#include "neon/predictor.h"

namespace {

void write_picture(const std::string& file, const aeon::Preprocessor& preprocessor, std::span<const float> samples) {
  const std::string picture = preprocessor.picture(samples);
  if (picture.empty())
    throw base::Error(base::Code::invalid_argument,
                      "what the model makes are no pictures; leave --output out to see their numbers");
  base::write_file_atomically(file, picture);
}

std::string read_input(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  return base::read_file(file);
}

/// What the generator makes of noise that is drawn for it.
int make_samples(const PredictCommand& command, const neon::Checkpoint& checkpoint, const neon::Graph& graph) {
  if (!command.files.empty())
    throw base::Error(base::Code::invalid_argument,
                      "the model is a GenerativeAdversarial: it makes samples (--samples) and looks at no files");
  neon::Predictor predictor(checkpoint, {.max_batch = 1, .threads = command.threads});
  const auto width = static_cast<std::size_t>(tensor::element_count(predictor.sample_shape()));
  tensor::Arena noise(width * sizeof(float));
  const std::byte* const input = noise.data();
  std::vector<float> made;
  for (std::int64_t i = 0; i < command.samples; ++i) {
    auto* numbers = reinterpret_cast<float*>(noise.data());
    tensor::draw_noise({numbers, width}, graph.adversaries->noise_type, command.rng_seed, 1, i);
    const std::span<const float> one = predictor.predict(std::span(&input, 1), 1);
    made.insert(made.end(), one.begin(), one.end());
  }
  if (command.output.empty()) {
    const auto columns = static_cast<std::size_t>(predictor.out_count());
    for (std::size_t i = 0; i < made.size(); i += columns)
      fmt::print("{:.6g}\n", fmt::join(made.begin() + static_cast<std::ptrdiff_t>(i),
                                       made.begin() + static_cast<std::ptrdiff_t>(i + columns), " "));
    return 0;
  }
  write_picture(command.output, aeon::Preprocessor(job::loader_config_of(checkpoint.preprocessing)), made);
  return 0;
}

/// The files of one prediction, in the order of the model's inputs: `name=file` each where there are several.
std::vector<std::string> by_input(const std::vector<std::string>& words, const std::vector<std::string>& names) {
  std::vector<std::string> files;
  bool once = words.size() == names.size();
  for (const std::string& name : names) {
    const auto is_for = [&](const std::string& word) { return word.starts_with(name + "="); };
    const auto found = std::find_if(words.begin(), words.end(), is_for);
    once = once && std::count_if(words.begin(), words.end(), is_for) == 1;
    if (found != words.end()) files.push_back(found->substr(name.size() + 1));
  }
  if (!once)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the model takes {} inputs; name a file for each, once: {}=FILE", names.size(),
                                  fmt::join(names, "=FILE ")));
  return files;
}

neon::WritingOptions writing_options(const PredictCommand& command, const job::TextWriter& writer) {
  return {.num_beams = command.num_beams,
          .steps = command.steps.value_or(writer.trained_steps()),
          .temperature = command.temperature,
          .seed = command.rng_seed};
}

/// The text; of several beams all, with the logarithm of the probability of each.
void print_texts(const job::TextWriter& writer, const std::vector<neon::Written>& texts, std::string_view before) {
  for (const neon::Written& text : texts)
    fmt::print("{}{}{}\n", texts.size() > 1 ? fmt::format("{:>10.4f}  ", text.log_probability) : "", before,
               writer.text_of(text, before));
}

/// What goes on from a text.
int generate(const PredictCommand& command, const neon::Checkpoint& checkpoint) {
  const aeon::Preprocessor preprocessor(job::loader_config_of(checkpoint.preprocessing));
  job::TextWriter writer(checkpoint, preprocessor, command.threads);
  if (!command.files.empty() || preprocessor.names().size() > 1)
    throw base::Error(base::Code::invalid_argument,
                      "--generate is for models that go on from a text and read nothing else; name the files of what "
                      "the others read");
  print_texts(writer, writer.write({}, *command.generate, writing_options(command, writer)), *command.generate);
  return 0;
}

void print(const neon::Answer& answer) {
  if (!answer.text.empty()) fmt::print(" text {}\n", base::printable(answer.text));
  for (std::size_t step = 0; step < answer.steps.size(); ++step) {
    if (answer.steps.size() > 1) fmt::print(" step {}\n", step);
    for (const neon::ClassProbability& row : answer.steps[step])
      fmt::print("  {:>9.6f}  {:>5}  {}\n", row.probability, row.index, base::printable(row.label));
  }
}

/// What each pixel shows, when the model was trained with masks: to a file, or what share of the pixels shows what.
void tell_mask(const PredictCommand& command, const aeon::Preprocessor& preprocessor,
               const std::vector<std::vector<neon::ClassProbability>>& pixels, const std::string& title) {
  std::vector<std::int64_t> numbers;
  for (const std::vector<neon::ClassProbability>& pixel : pixels) numbers.push_back(pixel.front().index);
  if (!command.output.empty()) return base::write_file_atomically(command.output, preprocessor.mask_picture(numbers));
  std::map<std::int64_t, std::pair<std::size_t, std::string>> shown;
  for (const std::vector<neon::ClassProbability>& pixel : pixels) {
    auto& [count, label] = shown[pixel.front().index];
    ++count;
    label = pixel.front().label;
  }
  fmt::print("{}\n", title);
  for (const auto& [index, counted] : shown)
    fmt::print("  {:>8.2f}%  {:>5}  {}\n",
               100.0 * static_cast<double>(counted.first) / static_cast<double>(pixels.size()), index,
               base::printable(counted.second));
}

/// For a model that writes, where its own text is not among what it is given.
std::unique_ptr<job::TextWriter> writer_for(const PredictCommand& command, const neon::Checkpoint& checkpoint,
                                            const aeon::Preprocessor& preprocessor) {
  auto writer = job::TextWriter::after_reading(checkpoint, preprocessor, command.threads);
  const auto is_given = [&](const std::string& name) {
    return std::any_of(command.files.begin(), command.files.end(),
                       [&](const std::string& word) { return word.starts_with(name + "="); });
  };
  if (writer && is_given(preprocessor.names()[writer->told_name()])) return nullptr;
  return writer;
}

/// What it writes after each file, or, where it reads several inputs, after one file of each.
int write_texts(const PredictCommand& command, aeon::Preprocessor& preprocessor, job::TextWriter& writer,
                job::Samples& samples) {
  std::vector<std::string> names = preprocessor.names();
  names.erase(names.begin() + static_cast<std::ptrdiff_t>(writer.told_name()));
  const auto write = [&](std::span<const std::string> files) {
    std::vector<std::string> bytes;
    for (const std::string& file : files) bytes.push_back(read_input(file));
    std::vector<std::string_view> elements(bytes.begin(), bytes.end());
    elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(writer.told_name()), std::string_view());
    samples.write(0, elements);
    print_texts(writer, writer.write(samples.data(), "", writing_options(command, writer)), "");
  };
  if (names.size() > 1) {
    write(by_input(command.files, names));
    return 0;
  }
  for (const std::string& word : command.files) {
    const std::string file = word.starts_with(names[0] + "=") ? word.substr(names[0].size() + 1) : word;
    write(std::span(&file, 1));
  }
  return 0;
}

}  // namespace

int predict_files(const PredictCommand& command) {
  neon::Checkpoint checkpoint = neon::read_checkpoint(command.checkpoint);
  neon::choose_weights(checkpoint, command.weights);
  const neon::Graph graph = neon::build_graph(checkpoint.spec, checkpoint.inputs);
  if (graph.adversaries) return make_samples(command, checkpoint, graph);
  if (command.generate) return generate(command, checkpoint);
  if (command.files.empty())
    throw base::Error(base::Code::invalid_argument, "files are required: neon predict CHECKPOINT FILE...");
  aeon::Preprocessor preprocessor(job::loader_config_of(checkpoint.preprocessing));
  neon::Predictor predictor(checkpoint, {.max_batch = 1,
                                         .threads = command.threads,
                                         .inputs = preprocessor.inputs(),
                                         .ranked = job::tells_classes(checkpoint, preprocessor)});
  const std::int64_t k = std::min(command.k.value_or(0), predictor.columns());
  const auto mask = preprocessor.mask_size();
  const bool masks = mask && predictor.steps() == (*mask)[0] * (*mask)[1];
  if (masks && !command.output.empty() && command.files.size() > 1 && preprocessor.names().size() == 1)
    throw base::Error(base::Code::invalid_argument, "--output takes the mask of one picture; give one file");
  std::vector<float> made;  // for a picture
  job::Samples samples(preprocessor, 1);
  const auto predict = [&](std::span<const std::string> files, const std::string& title) {
    std::vector<std::string> bytes;
    for (const std::string& file : files) bytes.push_back(read_input(file));
    samples.write(0, std::vector<std::string_view>(bytes.begin(), bytes.end()));
    const std::span<const float> outputs = predictor.predict(samples.data(), 1);
    if (masks) return tell_mask(command, preprocessor, predictor.answers(0, 1).front().steps, title);
    if (!command.output.empty()) {
      made.insert(made.end(), outputs.begin(), outputs.end());
      return;
    }
    fmt::print("{}\n", title);
    const std::vector<neon::Answer> answers = predictor.answers(0, k);
    for (std::size_t output = 0; output < answers.size(); ++output) {
      if (answers.size() > 1) fmt::print(" output {}\n", output);
      print(answers[output]);
    }
  };
  if (const auto writer = writer_for(command, checkpoint, preprocessor))
    return write_texts(command, preprocessor, *writer, samples);
  if (preprocessor.names().size() > 1) {
    predict(by_input(command.files, preprocessor.names()), fmt::format("{}", fmt::join(command.files, " ")));
    if (!made.empty()) write_picture(command.output, preprocessor, made);
    return 0;
  }
  int exit_code = 0;
  for (const std::string& file : command.files) {
    try {
      predict(std::span(&file, 1), file);
    } catch (const base::Error& error) {
      // The others are still told.
      fmt::print(stderr, "neon: {}: {}\n", base::printable(file), base::printable(error.message));
      exit_code = base::kind_of(error.code).exit_code;
    }
  }
  if (!made.empty()) write_picture(command.output, preprocessor, made);
  return exit_code;
}

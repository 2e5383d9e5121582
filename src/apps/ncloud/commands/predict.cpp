#include <filesystem>
#include <iostream>
#include <iterator>

#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"
#include "base/base64.h"
#include "base/files.h"
#include "base/log.h"
#include "base/utf8.h"

namespace ncloud {
namespace {

struct PredictFiles {
  api::ModelKey model;
  std::vector<std::string> files;
  std::optional<int> k;
  static constexpr auto fields() {
    return std::tuple(
        base::field("model", &PredictFiles::model, "number or name of a deployed model").required().positional(),
        base::field(
            "files", &PredictFiles::files,
            "inputs, such as PNG or text files; - is standard input. For one prediction of a model with several inputs "
            "NAME=FILE for each")
            .required()
            .positional(),
        base::field(
            "k", &PredictFiles::k,
            "how many of the most probable classes, 1 to the number of the model's outputs; 5, or all when there are "
            "fewer")
            .at_least(1)
            .flag('k'));
  }
};

std::string read_input(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  return base::read_file(file, api::predict.body_limit_bytes);
}

/// The name before the = of `name=file`; empty where that is a file itself.
std::string_view input_name(std::string_view word) {
  const std::size_t sign = word.find('=');
  return sign == word.npos || std::filesystem::exists(word) ? std::string_view() : word.substr(0, sign);
}

/// One request with several inputs: an object of texts, and of other bytes as base64.
std::string named_inputs(const std::vector<std::string>& words) {
  base::json::object inputs;
  for (const std::string& word : words) {
    const std::string_view name = input_name(word);
    if (name.empty())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("expected NAME=FILE as for the other inputs, got '{}'", word));
    const std::string bytes = read_input(word.substr(name.size() + 1));
    if (base::is_utf8(bytes))
      inputs[name] = bytes;
    else
      inputs[name] = base::json::object{{"base64", base::to_base64(bytes)}};
  }
  return base::to_text(inputs);
}

/// Whether other files may well be predicted after this failure.
bool concerns_one_file(base::Code code) {
  return code == base::Code::invalid_argument || code == base::Code::too_large || code == base::Code::data_loss;
}

/// Writes each prediction when it comes (table), or all at the end (JSON, YAML).
class PredictionWriter {
 public:
  PredictionWriter(const Session& session, const std::vector<std::string>& files) : session_(session) {
    if (files.size() == 1) return;
    for (const std::string& file : files)
      file_columns_ = std::max({file_columns_, columns_of(base::printable(file)), columns_of("file")});
    if (output_is_terminal()) file_columns_ = std::min<std::size_t>(file_columns_, 48);
  }

  void add(const std::string& file, const api::Prediction& prediction) {
    if (prediction.text && session_.format() == Format::table)
      session_.print(fmt::format("{}{}\n", file_columns_ > 0 ? base::printable(file) + "  " : "",
                                 base::printable(*prediction.text)));
    for (const api::ClassProbability& each : prediction.predictions) {
      if (session_.format() != Format::table) {
        base::json::object row{
            {"file", file}, {"probability", each.probability}, {"index", each.index}, {"label", each.label}};
        if (each.step) row["step"] = *each.step;
        if (each.output) row["output"] = *each.output;
        if (prediction.text) row["text"] = *prediction.text;
        rows_.push_back(std::move(row));
        continue;
      }
      if (!std::exchange(has_head_, true))
        print_row("file", "probability", "index", "label", each.step ? "step" : "", each.output ? "output" : "");
      print_row(file, fmt::format("{:.4f}", each.probability), std::to_string(each.index), each.label,
                each.step ? std::to_string(*each.step) : "", each.output ? std::to_string(*each.output) : "");
    }
  }
  void finish() {
    if (session_.format() != Format::table) session_.show(rows_);
  }

 private:
  /// `step` is empty for what is no sequence, `output` where there is one.
  void print_row(std::string_view file, std::string_view probability, std::string_view index, std::string_view label,
                 std::string_view step, std::string_view output) const {
    std::string line;
    if (file_columns_ > 0) {
      line = shortened(base::printable(file), file_columns_);
      line.append(file_columns_ - columns_of(line) + 2, ' ');
    }
    if (!output.empty()) line += fmt::format("{:>6}  ", output);
    if (!step.empty()) line += fmt::format("{:>5}  ", step);
    session_.print(line + fmt::format("{:>11}  {:>5}  {}\n", probability, index, base::printable(label)));
  }

  const Session& session_;
  base::json::array rows_;
  std::size_t file_columns_ = 0;  // 0: one file needs no name
  bool has_head_ = false;
};

/// A file that cannot be predicted does not keep back the others; the exit code is the first such file's.
int predict(Session& session, const PredictFiles& options) {
  PredictionWriter writer(session, options.files);
  if (!input_name(options.files.front()).empty()) {
    writer.add(
        fmt::format("{}", fmt::join(options.files, " ")),
        session.client().call(api::predict, {.model = options.model, .k = options.k}, named_inputs(options.files)));
    writer.finish();
    return 0;
  }
  int exit_code = 0;
  for (const std::string& file : options.files) {
    bool is_read = false;
    try {
      const std::string input = read_input(file);
      is_read = true;
      writer.add(file, session.client().call(api::predict, {.model = options.model, .k = options.k}, input));
    } catch (const base::Error& error) {
      const bool names_file = error.message.find(file) != std::string::npos;
      const std::string message = names_file ? error.message : fmt::format("{}: {}", file, error.message);
      if (options.files.size() == 1 || (is_read && !concerns_one_file(error.code))) {
        if (options.files.size() > 1) writer.finish();
        throw base::Error(error.code, message, error.where);
      }
      complain(message);
      if (exit_code == 0) exit_code = base::kind_of(error.code).exit_code;
    }
  }
  writer.finish();
  return exit_code;
}

const Shelved shelved(command("model predict", "Predict the classes of files with a deployed model", predict));

}  // namespace
}  // namespace ncloud

#include <iostream>
#include <iterator>

#include "apps/ncloud/command.h"
#include "base/files.h"

namespace ncloud {
namespace {

struct PredictFiles {
  std::int64_t model = 0;
  std::vector<std::string> files;
  std::optional<int> k;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &PredictFiles::model, "number of a deployed model").required().positional(),
                      base::field("files", &PredictFiles::files, "inputs, such as PNG files; - is standard input").required().positional(),
                      base::field("k", &PredictFiles::k, "how many of the most probable classes; 5, or all when there are fewer").flag('k'));
  }
};

std::string read_input(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  return base::read_file(file, api::predict.body_limit_bytes);
}

int predict(Session& session, const PredictFiles& options) {
  base::json::array rows;
  for (const std::string& file : options.files) {
    const api::Prediction prediction = session.client().call(api::predict, {.model = options.model, .k = options.k}, read_input(file));
    for (const api::ClassProbability& each : prediction.predictions) {
      base::json::object row;
      if (options.files.size() > 1) row["file"] = file;
      row["probability"] = session.format() == Format::table ? base::json::value(fmt::format("{:.4f}", each.probability)) : base::json::value(each.probability);
      row["index"] = each.index;
      row["label"] = each.label;
      rows.push_back(row);
    }
  }
  session.show(rows);
  return 0;
}

const Shelved shelved(command("model predict", "Predict the classes of files with a deployed model", predict, "predict"));

}  // namespace
}  // namespace ncloud

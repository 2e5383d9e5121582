#include "neon/spec.h"

#include "neon/callback.h"
#include "neon/cost_terms.h"
#include "neon/layer.h"
#include "neon/metric.h"
#include "neon/optimizer.h"

namespace neon {
namespace {

/// The document as it is written; the layers are checked one by one when the graph is built.
struct Document {
  std::vector<Part> layers;
  Part cost, optimizer;
  Part metric{"Misclassification"};
  std::optional<std::vector<Part>> callbacks;  // absent in files of before
  std::int64_t epochs = 1;
  std::int64_t batch_size = 128;
  std::optional<std::int64_t> batches_per_update;  // this and the next three: absent in files of before
  std::optional<WeightAverage> weight_average;
  std::optional<std::string> start_from;
  std::optional<std::vector<std::string>> new_layers;
  std::optional<std::uint64_t> seed;
  base::json::object dataset;

  static constexpr auto fields() {
    using D = Document;
    return std::tuple(
        base::field("layers", &D::layers, "the layers in order").required(),
        base::field("cost", &D::cost, "what training makes small").required(),
        base::field("optimizer", &D::optimizer, "the update rule").required(),
        base::field("metric", &D::metric, "the figure of an evaluation"),
        base::field("callbacks", &D::callbacks, "what is done between the epochs, in order"),
        base::field("epochs", &D::epochs, "passes over the data").range(1, 1'000'000),
        base::field("batch_size", &D::batch_size, "exemplars per step").range(1, 1 << 20),
        base::field("batches_per_update", &D::batches_per_update, "batches whose gradients are summed for one update")
            .range(1, 1 << 20),
        base::field("weight_average", &D::weight_average, "a running mean of the weights"),
        base::field("start_from", &D::start_from, "a checkpoint whose weights the training begins with"),
        base::field("new_layers", &D::new_layers, "layers that take none of those weights"),
        base::field("seed", &D::seed, "of every random number; drawn at the start when absent"),
        base::field("dataset", &D::dataset, "where exemplars come from and how they are prepared"));
  }
};

void check_parts(const std::vector<Part>& parts, Faults& faults) {
  for (const Part& part : parts) {
    const auto prefix = fmt::format("layer '{}': ", name_of(part));
    if (const auto made = Shelf<GraphPart>::instance().check(part, faults, prefix))
      check_parts(made->inner_parts(), faults);
  }
}

}  // namespace

base::json::value ModelSpec::to_json() const {
  Document document{.layers = layers,
                    .cost = cost,
                    .optimizer = optimizer,
                    .metric = metric,
                    .callbacks = {},
                    .epochs = epochs,
                    .batch_size = batch_size,
                    .batches_per_update = {},
                    .weight_average = weight_average,
                    .start_from = start_from,
                    .new_layers = {},
                    .seed = seed,
                    .dataset = dataset};
  if (!callbacks.empty()) document.callbacks = callbacks;
  if (batches_per_update > 1) document.batches_per_update = batches_per_update;
  if (!new_layers.empty()) document.new_layers = new_layers;
  return base::encode(document);
}

ModelSpec ModelSpec::from_json(const base::json::value& value) {
  Faults faults;
  ModelSpec spec = from_json(value, faults);
  faults.raise(spec);
  return spec;
}

ModelSpec ModelSpec::from_json(const base::json::value& value, Faults& faults) {
  ModelSpec spec;
  auto decoded = decode_what_fits<Document>(value, "", faults);
  if (!decoded) return spec;
  Document& document = *decoded;
  if (document.layers.empty())
    faults.add({base::Code::invalid_argument, "layers is empty; a model needs at least one", "/layers"});
  if (document.metric.where.empty()) document.metric.where = "/metric";
  if (Shelf<Cost>::instance().members().contains(document.cost.type))
    Shelf<Cost>::instance().check(document.cost, faults);
  else
    faults.watch([&] { cost_terms(document.cost); });
  Shelf<Optimizer>::instance().check(document.optimizer, faults);
  Shelf<Metric>::instance().check(document.metric, faults);
  if (document.callbacks)
    for (const Part& part : *document.callbacks) Shelf<Callback>::instance().check(part, faults);
  spec.layers = std::move(document.layers);
  spec.cost = std::move(document.cost);
  spec.optimizer = std::move(document.optimizer);
  spec.metric = std::move(document.metric);
  spec.callbacks = std::move(document.callbacks).value_or(std::vector<Part>());
  spec.epochs = document.epochs;
  spec.batch_size = document.batch_size;
  spec.batches_per_update = document.batches_per_update.value_or(1);
  spec.weight_average = document.weight_average;
  spec.start_from = std::move(document.start_from);
  spec.new_layers = std::move(document.new_layers).value_or(std::vector<std::string>());
  if (!spec.new_layers.empty() && !spec.start_from)
    faults.add({base::Code::invalid_argument,
                "new_layers says which layers take no weights of start_from, which is missing", "/new_layers"});
  if (spec.weight_average && spec.weight_average->decay >= 1)
    faults.add({base::Code::invalid_argument, "decay must be under 1, got 1: the mean would keep its first value",
                "/weight_average/decay"});
  spec.seed = document.seed;
  spec.dataset = std::move(document.dataset);
  return spec;
}

base::Error located(const base::Error& error, const ModelSpec& spec) {
  base::Error result = error;
  if (spec.file.empty()) return result;
  if (const auto line = line_of(error.where, spec))
    result.message += fmt::format(" ({}:{})", spec.file, *line);
  else
    result.message += fmt::format(" ({})", spec.file);
  return result;
}

std::optional<int> line_of(std::string_view where, const ModelSpec& spec) {
  for (; !where.empty(); where = where.substr(0, where.rfind('/'))) {
    const auto found = spec.lines.find(std::string(where));
    if (found != spec.lines.end()) return found->second;
  }
  return {};
}

void check_layers(const ModelSpec& spec, Faults& faults) { check_parts(spec.layers, faults); }

}  // namespace neon

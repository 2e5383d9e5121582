// Pages of the engine's shelves.
#include <fmt/format.h>

#include "apps/reference/page.h"
#include "base/error.h"
#include "neon/callback.h"
#include "neon/cost.h"
#include "neon/initializer.h"
#include "neon/layer.h"
#include "neon/metric.h"
#include "neon/onnx_operator.h"
#include "neon/optimizer.h"
#include "neon/schedule.h"
#include "neon/shelf.h"
#include "neon/transform.h"

namespace reference {
namespace {

template <class Interface>
Page page_of(std::string file, std::string_view title, std::string_view folder, std::string_view introduction) {
  Page page{std::move(file), page_head(title, fmt::format("the members of src/neon/{}", folder), introduction)};
  const auto& members = neon::Shelf<Interface>::instance().members();
  if (members.empty()) throw base::Error(base::Code::internal, fmt::format("the shelf of {} is empty", title));
  for (const auto& [name, member] : members) {
    page.text += fmt::format("\n## {}\n\n*{}*\n", name, member.doc);
    if (!member.details.empty()) page.text += fmt::format("\n{}\n", member.details);
    if (const std::string table = table_of_properties(member.schema()); !table.empty()) page.text += '\n' + table;
  }
  return page;
}

Page onnx_page() {
  Page page{
      "onnx.md",
      page_head("ONNX operators", "the members of src/neon/onnx/operators",
                "What `neon import` reads of an [ONNX file](../formats/onnx.md), and what it becomes. An attribute "
                "that is not named here, or that\nhas another value than the one given, is refused.")};
  page.text += "\n| operator | becomes | refused | attributes |\n|---|---|---|---|\n";
  for (const auto& [name, member] : neon::onnx_operators()) {
    std::string settings;
    for (const neon::OnnxSetting& setting : member.settings)
      settings += fmt::format("{}`{}`{}", settings.empty() ? "" : ", ", setting.name,
                              setting.only ? fmt::format(" {}", *setting.only) : "");
    page.text += fmt::format("| {} | {} | {} | {} |\n", name, cell(member.becomes), cell(member.refused), settings);
  }
  return page;
}

}  // namespace

std::vector<Page> shelf_pages() {
  return {
      onnx_page(),
      page_of<neon::GraphPart>(
          "layers.md", "Layers", "layers and src/neon/containers",
          "What stands in the list `layers` of a [model file](../formats/model-yaml.md). Shapes are "
          "those of one exemplar: (c, h, w) or\n(features). A *part* is `{type: Name, config: {...}}` "
          "or a bare name."),
      page_of<neon::Transform>("activations.md", "Activations", "activations",
                               "Functions of a layer's outputs, given as `activation` of a compound layer or as "
                               "`transform` of a layer `Activation`.\nx is the input, y the output."),
      page_of<neon::Cost>("costs.md", "Costs", "costs",
                          "y are the network's outputs, t the targets, a row per exemplar. A shown cost is the mean "
                          "over exemplars.\nsafelog(x) = ln(max(x, e⁻⁵⁰)).\n\n"
                          "A model's `cost` is one of these, by name or inside `GeneralizedCost` (`costfunc`); "
                          "`GeneralizedGANCost` is the same for a `GANCost`. A model "
                          "with several outputs has a\n`Multicost`: `costs`, one for each output, and their `weights`. "
                          "`GeneralizedCostMask` (`costfunc`, `weights: 1`) takes a mask after\nits target, a number "
                          "for each output, for each time step or for each exemplar: the value is `weights` times the "
                          "cost of\ny·mask and t·mask, where what is masked still counts in the mean, and the gradient "
                          "is multiplied by `weights`·mask. A mask is\nmade of zeros and ones. With a mask the targets "
                          "of the data are, cost by cost, the target and then the mask of those that have one."),
      page_of<neon::Metric>(
          "metrics.md", "Metrics", "metrics",
          "Figures of an evaluation: y are the network's outputs, t the targets, a row per exemplar. Outputs that are "
          "not "
          "numbers are wrong by\nevery metric that counts, and every other figure is then not a number."),
      page_of<neon::Callback>("callbacks.md", "Callbacks", "callbacks",
                              "What is done between the epochs of a training, given as the list `callbacks` of a "
                              "[model file](../formats/model-yaml.md).\nTheir state is in every checkpoint: a training "
                              "that is stopped and resumed ends as one that was not."),
      page_of<neon::Optimizer>(
          "optimizers.md", "Optimizers", "optimizers",
          "p is a parameter, g its gradient summed over the batch and divided by the batch size. "
          "`gradient_clip_value` c clips g to ±|c|\nfirst. `gradient_clip_norm` c then scales by "
          "s = c / max(‖all gradients‖₂, c); s = 1 without it. `param_clip_value` clips\nthe new weight. lr is the "
          "learning rate after the [schedule](schedules.md)."),
      page_of<neon::LearningRateSchedule>("schedules.md", "Schedules", "schedules",
                                          "How an optimizer's learning rate changes. Epochs count from 0."),
      page_of<neon::Initializer>(
          "initializers.md", "Initializers", "initializers",
          "First values of weights. A parameter has neon's two extents, rows and columns: (nout, nin) for linear "
          "layers,\n(c·r·s, k) for convolutions. The fan is the rows when `local` (right for convolutions), else the "
          "columns (right for linear layers)."),
  };
}

}  // namespace reference

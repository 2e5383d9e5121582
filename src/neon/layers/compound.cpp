#include "neon/layers/compound.h"

#include "base/error.h"

namespace neon {
Compound::Compound(std::optional<std::string> name, std::optional<Part> bias, bool batch_norm,
                   std::optional<Part> activation)
    : name_(std::move(name)), bias_(std::move(bias)), activation_(std::move(activation)), batch_norm_(batch_norm) {
  if (bias_ && batch_norm_)
    throw base::Error(base::Code::invalid_argument,
                      "bias and batch_norm exclude each other: batch normalisation has a bias of its own",
                      bias_->where);
  // Made here for their errors, which then point to where the file has them.
  if (bias_) Shelf<Initializer>::instance().make(*bias_);
  if (activation_) Shelf<Transform>::instance().make(*activation_);
}

std::vector<int> Compound::build(GraphBuilder& builder, const std::vector<int>& in) const {
  Part layer = first();
  const std::string base = name_.value_or(builder.next_name(layer.type));
  layer.config["name"] = base;
  std::vector<Part> parts{std::move(layer)};
  if (bias_) parts.push_back({"Bias", {{"init", bias_->to_json()}, {"name", base + "_bias"}}, {}});
  if (batch_norm_) parts.push_back({std::string(norm().type), {{"name", base + std::string(norm().ending)}}, {}});
  if (activation_)
    parts.push_back(
        {"Activation", {{"transform", activation_->to_json()}, {"name", base + "_" + activation_->type}}, {}});
  return builder.add(parts, in);
}

}  // namespace neon

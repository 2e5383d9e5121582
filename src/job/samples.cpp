#include "job/samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/base64.h"
#include "base/fields.h"
#include "neon/cost_terms.h"

namespace job {
namespace {

std::string element_of(const base::json::value& value, std::string_view where) {
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  const auto* coded = value.is_object() ? value.get_object().if_contains("base64") : nullptr;
  if (coded == nullptr || value.get_object().size() != 1)
    base::fail_expected("a text or {\"base64\": \"...\"}", value, where);
  return base::from_base64(base::decode<std::string>(*coded, base::pointer_to(where, "base64")));
}

/// In the order of the names.
std::vector<std::optional<std::string>> elements_of(std::string_view body, const std::vector<std::string>& names,
                                                    std::optional<std::size_t> may_lack) {
  const base::json::value given = base::parse_json(body, "the inputs");
  if (!given.is_object())
    base::fail_expected(fmt::format("an object with the model's inputs, {}", fmt::join(names, ", ")), given, "");
  for (const auto& member : given.get_object())
    if (std::find(names.begin(), names.end(), std::string_view(member.key())) == names.end())
      throw base::Error(
          base::Code::invalid_argument,
          base::unknown_word("input", member.key(), std::vector<std::string_view>(names.begin(), names.end())));
  std::vector<std::optional<std::string>> elements;
  for (const std::string& name : names) {
    const auto* value = given.get_object().if_contains(name);
    if (value == nullptr && elements.size() == may_lack) {
      elements.emplace_back();
      continue;
    }
    if (value == nullptr)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("input '{}' is missing; the model takes {}", name, fmt::join(names, ", ")));
    elements.push_back(element_of(*value, base::pointer_to("", name)));
  }
  return elements;
}

}  // namespace

std::vector<bool> tells_classes(const neon::Checkpoint& checkpoint, const aeon::Preprocessor& preprocessor) {
  const auto& targets = preprocessor.targets();
  std::vector<bool> classes;
  for (const neon::CostTerm& term : neon::cost_terms(checkpoint.spec.cost)) {
    classes.resize(std::max(classes.size(), term.output + 1), false);
    const std::size_t target = term.target_among(targets.size());
    if (target >= targets.size()) continue;  // what comes in is what shall come out
    const bool named = target == 0 && !preprocessor.class_names().empty();
    classes[term.output] = targets[target].dtype == tensor::Dtype::i32 || named;
  }
  return classes;
}

Samples::Samples(aeon::Preprocessor& preprocessor, std::size_t rows) : preprocessor_(preprocessor) {
  for (const tensor::Column& input : preprocessor.inputs()) {
    row_bytes_.push_back(static_cast<std::size_t>(tensor::element_count(input.shape) * tensor::size_of(input.dtype)));
    data_.push_back(memory_.emplace_back(rows * row_bytes_.back()).data());
  }
  destinations_.resize(data_.size());
}

void Samples::write(std::size_t row, std::span<const std::string_view> elements) {
  for (std::size_t i = 0; i < destinations_.size(); ++i) destinations_[i] = memory_[i].data() + row * row_bytes_[i];
  preprocessor_.write(elements, destinations_);
}

std::vector<const std::byte*> Samples::row(std::size_t row) const {
  std::vector<const std::byte*> row_data;
  for (std::size_t i = 0; i < data_.size(); ++i) row_data.push_back(data_[i] + row * row_bytes_[i]);
  return row_data;
}

bool Samples::write_body(std::size_t row, std::string_view body, std::optional<std::size_t> may_lack) {
  const std::vector<std::string>& names = preprocessor_.names();
  if (names.size() == 1) {
    write(row, std::span(&body, 1));
    return true;
  }
  const std::vector<std::optional<std::string>> owned = elements_of(body, names, may_lack);
  std::vector<std::string_view> elements;
  for (const auto& element : owned) elements.push_back(element ? std::string_view(*element) : std::string_view());
  write(row, elements);
  return !may_lack || owned[*may_lack].has_value();
}

}  // namespace job

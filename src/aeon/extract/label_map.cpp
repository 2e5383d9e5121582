#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "aeon/extract/extractor.h"
#include "aeon/extract/numbers.h"
#include "base/error.h"
#include "base/log.h"
#include "base/nearest.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

/// Names of classes as their indices, or as a number for each class. Source: aeon 1.3, etl_label_map.
class LabelMap final : public Extractor {
 public:
  struct Config {
    std::vector<std::string> class_names;
    std::int64_t max_classes = 100;
    NumberType output_type = NumberType::uint32;
    bool multi_hot = false;
    bool emit_length = false;
    static constexpr auto fields() {
      return std::tuple(
          base::field("class_names", &Config::class_names, "all names, in index order").required(),
          base::field("max_classes", &Config::max_classes, "numbers of a sample; the names after these are left out")
              .range(1, 1e6),
          base::field("output_type", &Config::output_type, "uint32_t; given as i32"),
          base::field("multi_hot", &Config::multi_hot,
                      "a number for each class, (classes) f32: 1 for those that are named, else 0; for targets of "
                      "several classes at once"),
          base::field("emit_length", &Config::emit_length,
                      "also gives `label_map_length`, (1): how many names there "
                      "are"));
    }
  };

  LabelMap(const Config& config, const LoaderConfig&, std::string_view where) : config_(config) {
    if (config.output_type != NumberType::uint32)
      throw Error(Code::invalid_argument, "output_type of a label_map is uint32_t",
                  base::pointer_to(where, "output_type"));
    if (config.class_names.empty())
      throw Error(Code::invalid_argument, "class_names is empty", base::pointer_to(where, "class_names"));
    for (const std::string& name : config.class_names)
      if (name.empty() || name.find_first_of(kBlanks) != name.npos ||
          !indices_.emplace(name, static_cast<std::int32_t>(indices_.size())).second)
        throw Error(Code::invalid_argument,
                    fmt::format("class_names are words, each different, but one is '{}'", base::printable(name)),
                    base::pointer_to(where, "class_names"));
  }

  Role role() const override { return Role::target; }
  std::vector<ExtractedTensor> tensors() const override {
    std::vector<ExtractedTensor> tensors{
        config_.multi_hot
            ? ExtractedTensor{{"label_map", {static_cast<std::int64_t>(indices_.size())}, tensor::Dtype::f32}}
            : ExtractedTensor{{"label_map", {config_.max_classes}, tensor::Dtype::i32}}};
    if (config_.emit_length) tensors.push_back({{"label_map_length", {1}, tensor::Dtype::i32}});
    return tensors;
  }
  std::vector<std::string> class_names() const override { return config_.class_names; }

  void decode(std::string_view bytes, Scratch&, Decoded& decoded) const override {
    std::vector<std::int32_t> found;
    for (std::string_view rest = bytes;;) {
      const std::size_t begin = rest.find_first_not_of(kBlanks);
      if (begin == rest.npos) break;
      rest.remove_prefix(begin);
      const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
      rest.remove_prefix(word.size());
      const std::int32_t index = index_of(word);
      if (static_cast<std::int64_t>(found.size()) < config_.max_classes) found.push_back(index);
    }
    decoded.allot(tensor::Dtype::i32, {static_cast<std::int64_t>(found.size())});
    std::copy(found.begin(), found.end(), decoded.as<std::int32_t>().begin());
  }

  void write(const DecodedView& decoded, const Draw&, Scratch&,
             std::span<std::byte* const> destinations) const override {
    const auto found = decoded.as<std::int32_t>();
    if (destinations[0] != nullptr && config_.multi_hot) {
      const std::span<float> flags(reinterpret_cast<float*>(destinations[0]), indices_.size());
      std::fill(flags.begin(), flags.end(), 0.0f);
      for (const std::int32_t index : found) flags[static_cast<std::size_t>(index)] = 1;
    } else if (destinations[0] != nullptr) {
      write_filled(found, 0, config_.max_classes, destinations[0]);
    }
    const std::int32_t length = decoded.shape[0];
    if (config_.emit_length && destinations[1] != nullptr) std::memcpy(destinations[1], &length, sizeof length);
  }

 private:
  static constexpr std::string_view kBlanks = " \t\r\n\v\f";

  std::int32_t index_of(std::string_view word) const {
    const auto found = indices_.find(std::string(word));
    if (found != indices_.end()) return found->second;
    const std::vector<std::string_view> names(config_.class_names.begin(), config_.class_names.end());
    throw Error(Code::invalid_argument, base::unknown_word("class", base::printable(word, 80), names));
  }

  Config config_;
  std::unordered_map<std::string, std::int32_t> indices_;
};

const ExtractorOnShelf<LabelMap> registered("label_map", "names of classes as their indices");

}  // namespace
}  // namespace aeon

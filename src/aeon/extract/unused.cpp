#include "aeon/extract/extractor.h"

namespace aeon {
namespace {

/// A column that the model has no use for: labels, where pictures alone are learned.
class Unused final : public Extractor {
 public:
  struct Config {
    static constexpr auto fields() { return std::tuple(); }
  };

  Unused(const Config&, const LoaderConfig&, std::string_view) {}

  Role role() const override { return Role::target; }
  std::vector<ExtractedTensor> tensors() const override { return {}; }

  void decode(std::string_view, Scratch&, Decoded& decoded) const override { decoded.allot(tensor::Dtype::u8, {0}); }
  void write(const DecodedView&, const Draw&, Scratch&, std::span<std::byte* const>) const override {}
};

const ExtractorOnShelf<Unused> registered("unused", "nothing: a column that the model does not read");

}  // namespace
}  // namespace aeon

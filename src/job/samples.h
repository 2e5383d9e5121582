#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "aeon/preprocessor.h"
#include "neon/checkpoint.h"
#include "tensor/arena.h"

namespace job {

/// Of each output of a model: whether it learned classes, of which an answer tells the likeliest; else numbers.
std::vector<bool> tells_classes(const neon::Checkpoint& checkpoint, const aeon::Preprocessor& preprocessor);

/// Room for the samples of one prediction, prepared as in training. Threads: one caller.
class Samples {
 public:
  Samples(aeon::Preprocessor& preprocessor, std::size_t rows);

  /// Makes row `row` of what was given, an element for each of the preprocessor's names. Errors: those of its write().
  void write(std::size_t row, std::span<const std::string_view> elements);

  /// The same of a request's body: the element itself where there is one, else a JSON object with a member for each,
  /// text as it is and other bytes as {"base64": "..."}. Errors: also those of such an object.
  /// The member of name `may_lack` need not be there. Returns whether it is.
  bool write_body(std::size_t row, std::string_view body, std::optional<std::size_t> may_lack = {});

  /// Of each of the network's inputs one row.
  std::vector<const std::byte*> row(std::size_t row) const;

  /// Of each of the network's inputs, row after row.
  std::span<const std::byte* const> data() const { return data_; }

 private:
  aeon::Preprocessor& preprocessor_;
  std::vector<std::size_t> row_bytes_;
  std::vector<tensor::Arena> memory_;
  std::vector<const std::byte*> data_;
  std::vector<std::byte*> destinations_;
};

}  // namespace job

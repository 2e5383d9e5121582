#pragma once
// Sequences (n, features, t) as steps see them: time-major, or as the rows (t·n, features) that these bytes are.
#include <memory>

#include "neon/lowering/unary_steps.h"

namespace neon {

/// Per sample (features, time steps).
inline bool is_sequence(const tensor::Shape& sample) { return sample.size() == 2; }

inline Value time_major(Lowering& lowering, const Value& value, const std::string& name) {
  return lowering.in_layout(value, tensor::Layout::time_major(tensor::Dtype::f32, value.layout.shape()),
                            name + " in the order of time");
}

/// The rows of a sequence in any order.
inline Value rows_of_sequence(Lowering& lowering, const Value& sequence, const std::string& name) {
  const Value ordered = time_major(lowering, sequence, name);
  const tensor::Shape& shape = ordered.layout.shape();
  return {ordered.buffer, tensor::Layout::row_major(tensor::Dtype::f32, {shape[2] * shape[0], shape[1]})};
}

/// And back: the sequence that rows are.
inline Value sequence_of_rows(Lowering& lowering, const Value& rows, std::int64_t steps, const std::string& name) {
  const tensor::Shape& shape = rows.layout.shape();
  const Value plain = lowering.in_layout(rows, tensor::Layout::row_major(tensor::Dtype::f32, shape), name + " as rows");
  return {plain.buffer, tensor::Layout::time_major(tensor::Dtype::f32, {shape[0] / steps, shape[1], steps})};
}

/// A layer of rows applied to every step of a sequence.
class PerStep final : public UnarySteps {
 public:
  PerStep(std::unique_ptr<UnarySteps> steps, const Node& node)
      : steps_(std::move(steps)), name_(node.name), length_(node.in()[1]) {}

  Value forward(Lowering& lowering, const Value& src) override {
    return sequence(lowering, steps_->forward(lowering, rows_of_sequence(lowering, src, name_ + " input")));
  }
  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    const Value dx = steps_->backward(lowering, rows_of_sequence(lowering, diff_dst, name_ + " error"), wants_diff_src);
    return dx ? sequence(lowering, dx) : dx;
  }

 private:
  Value sequence(Lowering& lowering, const Value& rows) const {
    return sequence_of_rows(lowering, rows, length_, name_);
  }

  std::unique_ptr<UnarySteps> steps_;
  std::string name_;
  std::int64_t length_;
};

}  // namespace neon

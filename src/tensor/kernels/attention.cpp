#include "tensor/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/kernels/dropout.h"
#include "tensor/parallel.h"
#include "tensor/vector_math.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

// Sequences lie with their steps side by side, so everything is computed as columns, one per step that looks: scores
// [seen][looking], whose softmax goes down the columns and needs no sum across a vector.

/// A matrix whose rows or columns may be the ones that lie side by side.
struct View {
  const float* data;
  std::int64_t row, column;  ///< strides
};

using Lanes [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = float;
constexpr std::int64_t kLanes = 16;

/// Rows × (16·Vectors) numbers of the product, kept in registers.
template <int Rows, int Vectors>
[[gnu::always_inline]] inline void tile(const View& a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc,
                                        std::int64_t inner) {
  Lanes sums[Rows][Vectors] = {};
  for (std::int64_t k = 0; k < inner; ++k) {
    Lanes right[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) right[v] = *reinterpret_cast<const Lanes*>(b + k * ldb + v * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const float left = a.data[r * a.row + k * a.column];
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) sums[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) *reinterpret_cast<Lanes*>(c + r * ldc + v * kLanes) = sums[r][v];
}

template <int Rows>
[[gnu::always_inline]] inline void rows_of_product(const View& a, const float* b, std::int64_t ldb, float* c,
                                                   std::int64_t ldc, std::int64_t inner, std::int64_t columns) {
  std::int64_t j = 0;
  for (; j + 2 * kLanes <= columns; j += 2 * kLanes) tile<Rows, 2>(a, b + j, ldb, c + j, ldc, inner);
  for (; j + kLanes <= columns; j += kLanes) tile<Rows, 1>(a, b + j, ldb, c + j, ldc, inner);
  for (; j < columns; ++j)
    for (int r = 0; r < Rows; ++r) {
      float sum = 0;
      for (std::int64_t k = 0; k < inner; ++k) sum += a.data[r * a.row + k * a.column] * b[k * ldb + j];
      c[r * ldc + j] = sum;
    }
}

/// c (rows, columns) = a (rows, inner) · b (inner, columns); the rows of b and c lie ldb and ldc apart.
NCLOUD_VECTORIZED
void multiply(const View& first_rows, const float* b, std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t rows,
              std::int64_t inner, std::int64_t columns) {
  View a = first_rows;
  for (; rows >= 4; rows -= 4, a.data += 4 * a.row, c += 4 * ldc) rows_of_product<4>(a, b, ldb, c, ldc, inner, columns);
  for (; rows > 0; --rows, a.data += a.row, c += ldc) rows_of_product<1>(a, b, ldb, c, ldc, inner, columns);
}

// Of a causal matrix (seen, looking) only what is on and above its diagonal counts: j <= i. It is gone through in
// blocks, whose corners below the diagonal hold zeros. Numbers come out as they would without.
constexpr std::int64_t kBlock = 64;

/// c = a·b, where c is causal: rows of c, each from its diagonal on.
void multiply_to_causal(const View& a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t rows,
                        std::int64_t inner, std::int64_t columns) {
  for (std::int64_t j = 0; j < rows; j += kBlock)
    multiply({a.data + j * a.row, a.row, a.column}, b + j, ldb, c + j * ldc + j, ldc, std::min(kBlock, rows - j), inner,
             columns - j);
}

/// c = a·b, where b is causal.
void multiply_by_causal(const View& a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t rows,
                        std::int64_t inner, std::int64_t columns) {
  for (std::int64_t i = 0; i < columns; i += kBlock) {
    const std::int64_t count = std::min(kBlock, columns - i);
    multiply(a, b + i, ldb, c + i, ldc, rows, std::min(inner, i + count), count);
  }
}

/// c = a·b, where b is a causal matrix turned: (looking, seen).
void multiply_by_turned_causal(const View& a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc,
                               std::int64_t rows, std::int64_t inner, std::int64_t columns) {
  for (std::int64_t j = 0; j < columns; j += kBlock)
    multiply({a.data + j * a.column, a.row, a.column}, b + j * ldb + j, ldb, c + j, ldc, rows, inner - j,
             std::min(kBlock, columns - j));
}

constexpr std::int64_t kTogether = 256;  // columns: what is kept of each lies on the stack

/// A matrix (seen, looking) of one head, whose rows lie `stride` apart.
struct Extents {
  std::int64_t seen, looking, stride;
};

/// Scores into weights: the softmax of scale·score down each column, over the steps that it sees.
NCLOUD_VECTORIZED
void weigh(float* scores, const Extents& of, float scale, bool causal, const float* mask) {
  const auto hidden = [&](std::int64_t j) { return mask != nullptr && !(mask[j] > 0); };
  const auto first_looking = [&](std::int64_t j, std::int64_t begin, std::int64_t count) {
    return causal ? std::clamp<std::int64_t>(j - begin, 0, count) : 0;
  };
  const float nothing = -std::numeric_limits<float>::infinity();
  for (std::int64_t begin = 0; begin < of.looking; begin += kTogether) {
    const std::int64_t count = std::min(kTogether, of.looking - begin);
    float highest[kTogether], sum[kTogether] = {};
    std::fill_n(highest, count, nothing);
    for (std::int64_t j = 0; j < of.seen; ++j) {
      if (hidden(j)) continue;
      float* row = scores + j * of.stride + begin;
      for (std::int64_t i = first_looking(j, begin, count); i < count; ++i) {
        row[i] *= scale;
        highest[i] = std::max(highest[i], row[i]);
      }
    }
    for (std::int64_t i = 0; i < count; ++i) highest[i] = highest[i] == nothing ? 0.0f : highest[i];
    for (std::int64_t j = 0; j < of.seen; ++j) {
      float* row = scores + j * of.stride + begin;
      const std::int64_t first = hidden(j) ? count : first_looking(j, begin, count);
      std::fill_n(row, first, 0.0f);
      for (std::int64_t i = first; i < count; ++i) sum[i] += row[i] = exp_quick(row[i] - highest[i]);
    }
    for (std::int64_t i = 0; i < count; ++i) sum[i] = sum[i] == 0 ? 0.0f : 1.0f / sum[i];
    for (std::int64_t j = 0; j < of.seen; ++j)
      for (std::int64_t i = first_looking(j, begin, count); i < count; ++i) scores[j * of.stride + begin + i] *= sum[i];
  }
}

/// The gradient of the weights into that of the scores, in place. Signs of weights don't matter.
NCLOUD_VECTORIZED
void unweigh(const float* weights, float* errors, const Extents& of, float scale, bool causal) {
  const auto first_looking = [&](std::int64_t j, std::int64_t begin, std::int64_t count) {
    return causal ? std::clamp<std::int64_t>(j - begin, 0, count) : 0;
  };
  for (std::int64_t begin = 0; begin < of.looking; begin += kTogether) {
    const std::int64_t count = std::min(kTogether, of.looking - begin);
    float sum[kTogether] = {};
    for (std::int64_t j = 0; j < of.seen; ++j)
      for (std::int64_t i = first_looking(j, begin, count); i < count; ++i)
        sum[i] += std::fabs(weights[j * of.stride + begin + i]) * errors[j * of.stride + begin + i];
    for (std::int64_t j = 0; j < of.seen; ++j) {
      const std::int64_t first = first_looking(j, begin, count);
      std::fill_n(errors + j * of.stride + begin, first, 0.0f);
      for (std::int64_t i = first; i < count; ++i) {
        float& error = errors[j * of.stride + begin + i];
        error = scale * std::fabs(weights[j * of.stride + begin + i]) * (error - sum[i]);
      }
    }
  }
}

/// What survives of weights whose sign says so, each times `factor`.
NCLOUD_VECTORIZED
void take_survivors(const float* weights, float* to, const Extents& of, float factor) {
  for (std::int64_t j = 0; j < of.seen; ++j)
    for (std::int64_t i = 0; i < of.looking; ++i)
      to[j * of.stride + i] = weights[j * of.stride + i] > 0 ? factor * weights[j * of.stride + i] : 0.0f;
}

/// The gradient of what survives into that of all weights, in place.
NCLOUD_VECTORIZED
void through_survivors(const float* weights, float* errors, const Extents& of, float factor) {
  for (std::int64_t j = 0; j < of.seen; ++j)
    for (std::int64_t i = 0; i < of.looking; ++i)
      errors[j * of.stride + i] = weights[j * of.stride + i] > 0 ? factor * errors[j * of.stride + i] : 0.0f;
}

/// Into (looking, seen), whose rows lie `stride` apart.
void transpose(const float* from, float* to, const Extents& of, std::int64_t stride, bool causal) {
  constexpr std::int64_t kTile = 16;
  for (std::int64_t j0 = 0; j0 < of.seen; j0 += kTile)
    for (std::int64_t i0 = causal ? j0 / kBlock * kBlock : 0; i0 < of.looking; i0 += kTile)
      for (std::int64_t j = j0; j < std::min(of.seen, j0 + kTile); ++j)
        for (std::int64_t i = i0; i < std::min(of.looking, i0 + kTile); ++i)
          to[i * stride + j] = from[j * of.stride + i];
}

/// What both kernels know: extents, and where each head's part lies.
class Heads : public OwnKernel {
 protected:
  Heads(std::string_view name, const AttentionSources& sources, const Attention& attention)
      : OwnKernel(name, {}),
        how_(attention),
        crosses_(sources.memory.has_value()),
        n_(sources.src.shape()[0]),
        size_(sources.src.shape()[1] / (crosses_ ? 1 : 3)),
        looking_(sources.src.shape()[2]),
        seen_(crosses_ ? sources.memory->shape()[2] : looking_),
        width_(size_ / attention.heads),
        scale_(static_cast<float>(1 / std::sqrt(static_cast<double>(width_)))),
        threads_(threads_for(n_ * attention.heads * scores())) {
    src_ = add_one({Slot::src, sources.src});
    memory_src_ = crosses_ ? add_one({Slot::src, *sources.memory}) : src_;
  }

  static std::size_t bytes(std::int64_t floats) { return static_cast<std::size_t>(floats) * sizeof(float); }
  /// Numbers of one head.
  std::int64_t scores() const { return seen_ * looking_; }
  Layout dst_layout() const { return Layout::row_major(Dtype::f32, {n_, size_, looking_}); }
  Argument kept_weights() const { return {Slot::workspace, {}, bytes(n_ * how_.heads * scores())}; }

  std::size_t add_one(Argument argument) {
    add(std::move(argument));
    return arguments_.size() - 1;
  }
  void add_lengths() {
    const Layout lengths = Layout::row_major(Dtype::i32, {n_});
    if (how_.has_lengths) lengths_ = add_one({Slot::src, lengths});
    if (how_.memory_has_lengths) memory_lengths_ = add_one({Slot::src, lengths});
  }

  /// Calls work(example, head, thread) for all, at the same time.
  template <class Work>
  void for_heads(const Work& work) const {
    for_parts(n_ * how_.heads, threads_, [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t i = begin; i < end; ++i) work(i / how_.heads, i % how_.heads, thread);
    });
  }

  /// The head's part, (width, steps), of its queries, keys and values, or of their gradients.
  template <class T>
  T* queries(T* src, std::int64_t example, std::int64_t head) const {
    return src + (example * (crosses_ ? 1 : 3) * size_ + head * width_) * looking_;
  }
  template <class T>
  T* keys(T* memory, std::int64_t example, std::int64_t head) const {
    return memory + ((crosses_ ? example * 2 : example * 3 + 1) * size_ + head * width_) * seen_;
  }
  template <class T>
  T* values(T* memory, std::int64_t example, std::int64_t head) const {
    return keys(memory, example, head) + size_ * seen_;
  }
  template <class T>
  T* result(T* dst, std::int64_t example, std::int64_t head) const {
    return dst + (example * size_ + head * width_) * looking_;
  }
  // Products with the matrix (seen, looking) of a head: into it, with it, and with it turned.
  void multiply_to(const View& a, const float* b, std::int64_t ldb, float* scores, const Extents& of) const {
    const auto product = how_.causal ? multiply_to_causal : multiply;
    product(a, b, ldb, scores, of.stride, of.seen, width_, of.looking);
  }
  void multiply_by(const View& a, const float* scores, float* c, const Extents& of) const {
    const auto product = how_.causal ? multiply_by_causal : multiply;
    product(a, scores, of.stride, c, looking_, width_, of.seen, of.looking);
  }
  void multiply_by_turned(const View& a, const float* turned, float* c, const Extents& of) const {
    const auto product = how_.causal ? multiply_by_turned_causal : multiply;
    product(a, turned, seen_, c, seen_, width_, of.looking, of.seen);
  }
  bool drops() const { return how_.keep < 1; }
  float factor() const { return static_cast<float>(1 / how_.keep); }

  static View as_it_lies(const float* data, std::int64_t steps) { return {data, steps, 1}; }
  static View turned(const float* data, std::int64_t steps) { return {data, 1, steps}; }

  /// How many steps are real.
  Extents real(std::int64_t example) const {
    const std::int64_t looking = how_.has_lengths ? at<const std::int32_t>(lengths_)[example] : looking_;
    if (!crosses_) return {looking, looking, looking_};
    return {how_.memory_has_lengths ? at<const std::int32_t>(memory_lengths_)[example] : seen_, looking, looking_};
  }
  /// Zeros for the steps of a head's part that are padding.
  void clear_padding(float* part, std::int64_t real, std::int64_t steps) const {
    for (std::int64_t w = 0; w < width_ && real < steps; ++w) std::fill_n(part + w * steps + real, steps - real, 0.0f);
  }

  Attention how_;
  bool crosses_;
  std::int64_t n_, size_, looking_, seen_, width_;
  float scale_;
  int threads_;
  std::size_t src_ = 0, memory_src_ = 0, lengths_ = 0, memory_lengths_ = 0;  ///< arguments
};

class AttentionForward final : public Heads {
 public:
  AttentionForward(const AttentionSources& sources, const Attention& attention, bool training)
      : Heads("attention", sources, attention), keeps_weights_(training) {
    if (how_.masked) mask_ = add_one({Slot::src, Layout::row_major(Dtype::f32, {n_, seen_})});
    add_lengths();
    dst_ = add_one({Slot::dst, dst_layout()});
    scores_ = add_one(training ? kept_weights() : Argument{Slot::scratchpad, {}, bytes(threads_ * scores())});
    if (!training) how_.keep = 1;
    if (drops()) surviving_ = add_one({Slot::scratchpad, {}, bytes(threads_ * (scores() + looking_))});
  }

  void run(const RunContext& context) const override {
    for_heads([&](std::int64_t example, std::int64_t head, int thread) {
      const float *q = queries<const float>(at(src_), example, head),
                  *k = keys<const float>(at(memory_src_), example, head),
                  *v = values<const float>(at(memory_src_), example, head);
      const Extents of = real(example);
      float* weights = at(scores_) + (keeps_weights_ ? example * how_.heads + head : thread) * scores();
      float* y = result(at(dst_), example, head);
      multiply_to(turned(k, seen_), q, looking_, weights, of);
      weigh(weights, of, scale_, how_.causal, how_.masked ? at(mask_) + example * seen_ : nullptr);
      const float* surviving = drops() ? drop(weights, of, example * how_.heads + head, thread, context) : weights;
      multiply_by(as_it_lies(v, seen_), surviving, y, of);
      clear_padding(y, of.looking, looking_);
    });
  }

 private:
  /// Weights that don't survive become negative, for the way back. Returns those that do, and zeros.
  const float* drop(float* weights, const Extents& of, std::int64_t matrix, int thread,
                    const RunContext& context) const {
    float* room = at(surviving_) + thread * (scores() + looking_);
    auto* survives = reinterpret_cast<std::uint8_t*>(room + scores());
    for (std::int64_t j = 0; j < of.seen; ++j) {
      const std::int64_t first = how_.causal ? j : 0, count = of.looking - first;
      draw_survivors({how_.keep, how_.stream}, context.seed, context.step, (matrix * seen_ + j) * looking_ + first,
                     {survives, static_cast<std::size_t>(count)});
      float* row = weights + j * of.stride + first;
      for (std::int64_t i = 0; i < count; ++i) row[i] = survives[i] != 0 ? row[i] : -row[i];
    }
    take_survivors(weights, room, of, factor());
    return room;
  }

  std::size_t mask_ = 0, dst_ = 0, scores_ = 0, surviving_ = 0;  ///< arguments
  bool keeps_weights_;
};

class AttentionBackward final : public Heads {
 public:
  AttentionBackward(const AttentionSources& sources, const Attention& attention)
      : Heads("attention derivative", sources, attention) {
    add_lengths();
    diff_dst_ = add_one({Slot::diff_dst, dst_layout()});
    weights_ = add_one(kept_weights());
    diff_src_ = add_one({Slot::diff_src, sources.src});
    diff_memory_ = crosses_ ? add_one({Slot::diff_src, *sources.memory}) : diff_src_;
    room_ = add_one({Slot::scratchpad, {}, bytes(2 * threads_ * scores())});
  }

  void run(const RunContext&) const override {
    for_heads([&](std::int64_t example, std::int64_t head, int thread) {
      const float *q = queries<const float>(at(src_), example, head),
                  *k = keys<const float>(at(memory_src_), example, head),
                  *v = values<const float>(at(memory_src_), example, head);
      float *dq = queries(at(diff_src_), example, head), *dk = keys(at(diff_memory_), example, head),
            *dv = values(at(diff_memory_), example, head);
      const float* dy = result<const float>(at(diff_dst_), example, head);
      const Extents of = real(example);
      const float* weights = at(weights_) + (example * how_.heads + head) * scores();
      float* errors = at(room_) + 2 * thread * scores();
      float* across = errors + scores();
      // [looking][seen], for the sums over the steps that look.
      if (drops()) take_survivors(weights, errors, of, factor());
      transpose(drops() ? errors : weights, across, of, seen_, how_.causal);
      multiply_by_turned(as_it_lies(dy, looking_), across, dv, of);
      multiply_to(turned(v, seen_), dy, looking_, errors, of);
      if (drops()) through_survivors(weights, errors, of, factor());
      unweigh(weights, errors, of, scale_, how_.causal);
      multiply_by(as_it_lies(k, seen_), errors, dq, of);
      transpose(errors, across, of, seen_, how_.causal);
      multiply_by_turned(as_it_lies(q, looking_), across, dk, of);
      clear_padding(dq, of.looking, looking_);
      clear_padding(dk, of.seen, seen_);
      clear_padding(dv, of.seen, seen_);
    });
  }

 private:
  std::size_t diff_dst_ = 0, weights_ = 0, diff_src_ = 0, diff_memory_ = 0, room_ = 0;  ///< arguments
};

}  // namespace

Kernel attention_forward(const AttentionSources& sources, const Attention& attention, bool training) {
  return std::make_shared<AttentionForward>(sources, attention, training);
}
Kernel attention_backward(const AttentionSources& sources, const Attention& attention) {
  return std::make_shared<AttentionBackward>(sources, attention);
}

}  // namespace tensor

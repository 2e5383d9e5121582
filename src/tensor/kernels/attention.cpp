#include "tensor/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

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
void multiply(View a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t rows,
              std::int64_t inner, std::int64_t columns) {
  for (; rows >= 4; rows -= 4, a.data += 4 * a.row, c += 4 * ldc) rows_of_product<4>(a, b, ldb, c, ldc, inner, columns);
  for (; rows > 0; --rows, a.data += a.row, c += ldc) rows_of_product<1>(a, b, ldb, c, ldc, inner, columns);
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
  const float nothing = -std::numeric_limits<float>::infinity();
  for (std::int64_t begin = 0; begin < of.looking; begin += kTogether) {
    const std::int64_t count = std::min(kTogether, of.looking - begin);
    float highest[kTogether], sum[kTogether] = {};
    std::fill_n(highest, count, nothing);
    for (std::int64_t j = 0; j < of.seen; ++j) {
      if (hidden(j)) continue;
      float* row = scores + j * of.stride + begin;
      const std::int64_t first = causal ? std::min(count, std::max<std::int64_t>(0, j - begin)) : 0;
      std::fill_n(row, first, nothing);
      for (std::int64_t i = first; i < count; ++i) {
        row[i] *= scale;
        highest[i] = std::max(highest[i], row[i]);
      }
    }
    for (std::int64_t i = 0; i < count; ++i) highest[i] = highest[i] == nothing ? 0.0f : highest[i];
    for (std::int64_t j = 0; j < of.seen; ++j) {
      float* row = scores + j * of.stride + begin;
      if (hidden(j))
        std::fill_n(row, count, 0.0f);
      else
        for (std::int64_t i = 0; i < count; ++i) sum[i] += row[i] = exp_quick(row[i] - highest[i]);
    }
    for (std::int64_t i = 0; i < count; ++i) sum[i] = sum[i] == 0 ? 0.0f : 1.0f / sum[i];
    for (std::int64_t j = 0; j < of.seen; ++j)
      for (std::int64_t i = 0; i < count; ++i) scores[j * of.stride + begin + i] *= sum[i];
  }
}

/// The gradient of the weights into that of the scores, in place.
NCLOUD_VECTORIZED
void unweigh(const float* weights, float* errors, const Extents& of, float scale) {
  for (std::int64_t begin = 0; begin < of.looking; begin += kTogether) {
    const std::int64_t count = std::min(kTogether, of.looking - begin);
    float sum[kTogether] = {};
    for (std::int64_t j = 0; j < of.seen; ++j)
      for (std::int64_t i = 0; i < count; ++i)
        sum[i] += weights[j * of.stride + begin + i] * errors[j * of.stride + begin + i];
    for (std::int64_t j = 0; j < of.seen; ++j)
      for (std::int64_t i = 0; i < count; ++i) {
        float& error = errors[j * of.stride + begin + i];
        error = scale * weights[j * of.stride + begin + i] * (error - sum[i]);
      }
  }
}

/// Into (looking, seen), whose rows lie `stride` apart.
void transpose(const float* from, float* to, const Extents& of, std::int64_t stride) {
  constexpr std::int64_t kTile = 16;
  for (std::int64_t j0 = 0; j0 < of.seen; j0 += kTile)
    for (std::int64_t i0 = 0; i0 < of.looking; i0 += kTile)
      for (std::int64_t j = j0; j < std::min(of.seen, j0 + kTile); ++j)
        for (std::int64_t i = i0; i < std::min(of.looking, i0 + kTile); ++i)
          to[i * stride + j] = from[j * of.stride + i];
}

/// What both kernels know: extents, and where each head's part lies.
class Heads : public OwnKernel {
 protected:
  Heads(std::string_view name, std::vector<Argument> arguments, const Layout& src, const Attention& attention)
      : OwnKernel(name, std::move(arguments)),
        how_(attention),
        n_(src.shape()[0]),
        size_(src.shape()[1] / 3),
        steps_(src.shape()[2]),
        width_(size_ / attention.heads),
        scale_(static_cast<float>(1 / std::sqrt(static_cast<double>(width_)))),
        threads_(threads_of(src, attention)) {}

  static int threads_of(const Layout& src, const Attention& attention) {
    return threads_for(src.shape()[0] * attention.heads * src.shape()[2] * src.shape()[2]);
  }
  static std::size_t bytes(std::int64_t floats) { return static_cast<std::size_t>(floats) * sizeof(float); }
  static std::int64_t scores_of(const Layout& src) { return src.shape()[2] * src.shape()[2]; }
  static Layout half_of(const Layout& src) {
    return Layout::row_major(Dtype::f32, {src.shape()[0], src.shape()[1] / 3, src.shape()[2]});
  }
  static Argument lengths_of(const Layout& src) { return {Slot::src, Layout::row_major(Dtype::i32, {src.shape()[0]})}; }

  /// Calls work(example, head, thread) for all, at the same time.
  template <class Work>
  void for_heads(const Work& work) const {
    for_parts(n_ * how_.heads, threads_, [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t i = begin; i < end; ++i) work(i / how_.heads, i % how_.heads, thread);
    });
  }

  /// The head's part of what `which` (0: queries, 1: keys, 2: values) has: (width, steps).
  template <class T>
  T* part(T* src, std::int64_t example, std::int64_t head, std::int64_t which) const {
    return src + ((example * 3 + which) * size_ + head * width_) * steps_;
  }
  template <class T>
  T* result(T* dst, std::int64_t example, std::int64_t head) const {
    return dst + (example * size_ + head * width_) * steps_;
  }
  View as_it_lies(const float* data) const { return {data, steps_, 1}; }
  View turned(const float* data) const { return {data, 1, steps_}; }

  /// How many steps are real; `lengths` is the argument with those of all examples.
  Extents real(std::int64_t example, std::size_t lengths) const {
    const std::int64_t steps = how_.has_lengths ? at<const std::int32_t>(lengths)[example] : steps_;
    return {steps, steps, steps_};
  }
  /// Zeros for the steps of a head's part that are padding.
  void clear_padding(float* part, std::int64_t real) const {
    for (std::int64_t w = 0; w < width_ && real < steps_; ++w)
      std::fill_n(part + w * steps_ + real, steps_ - real, 0.0f);
  }

  Attention how_;
  std::int64_t n_, size_, steps_, width_;
  float scale_;
  int threads_;
};

class AttentionForward final : public Heads {
 public:
  AttentionForward(const Layout& src, const Attention& attention, bool training)
      : Heads("attention", arguments_for(src, attention, training), src, attention),
        lengths_(attention.masked ? 2 : 1),
        dst_(lengths_ + (attention.has_lengths ? 1 : 0)),
        keeps_weights_(training) {}

  void run(const RunContext&) const override {
    for_heads([&](std::int64_t example, std::int64_t head, int thread) {
      const float *q = part<const float>(at(0), example, head, 0), *k = part<const float>(at(0), example, head, 1),
                  *v = part<const float>(at(0), example, head, 2);
      const Extents of = real(example, lengths_);
      const std::int64_t place = keeps_weights_ ? example * how_.heads + head : thread;
      float* scores = at(dst_ + 1) + place * steps_ * steps_;
      float* y = result(at(dst_), example, head);
      multiply(turned(k), q, steps_, scores, of.stride, of.seen, width_, of.looking);
      weigh(scores, of, scale_, how_.causal, how_.masked ? at(1) + example * steps_ : nullptr);
      multiply(as_it_lies(v), scores, of.stride, y, steps_, width_, of.seen, of.looking);
      clear_padding(y, of.looking);
    });
  }

 private:
  static std::vector<Argument> arguments_for(const Layout& src, const Attention& attention, bool training) {
    std::vector<Argument> list{{Slot::src, src}};
    if (attention.masked) list.push_back({Slot::src, Layout::row_major(Dtype::f32, {src.shape()[0], src.shape()[2]})});
    if (attention.has_lengths) list.push_back(lengths_of(src));
    list.push_back({Slot::dst, half_of(src)});
    if (training)
      list.push_back({Slot::workspace, {}, bytes(src.shape()[0] * attention.heads * scores_of(src))});
    else
      list.push_back({Slot::scratchpad, {}, bytes(threads_of(src, attention) * scores_of(src))});
    return list;
  }
  std::size_t lengths_, dst_;  ///< arguments
  bool keeps_weights_;
};

class AttentionBackward final : public Heads {
 public:
  AttentionBackward(const Layout& src, const Attention& attention)
      : Heads("attention derivative", arguments_for(src, attention), src, attention) {}

  void run(const RunContext&) const override {
    for_heads([&](std::int64_t example, std::int64_t head, int thread) {
      const float *q = part<const float>(at(0), example, head, 0), *k = part<const float>(at(0), example, head, 1),
                  *v = part<const float>(at(0), example, head, 2);
      float *dq = part(at(3), example, head, 0), *dk = part(at(3), example, head, 1),
            *dv = part(at(3), example, head, 2);
      const float* dy = result<const float>(at(1), example, head);
      const Extents of = real(example, 5);
      const float* weights = at(2) + (example * how_.heads + head) * steps_ * steps_;
      float* errors = at(4) + 2 * thread * steps_ * steps_;
      float* across = errors + steps_ * steps_;
      // [looking][seen], for the sums over the steps that look.
      transpose(weights, across, of, steps_);
      multiply(as_it_lies(dy), across, steps_, dv, steps_, width_, of.looking, of.seen);
      multiply(turned(v), dy, steps_, errors, of.stride, of.seen, width_, of.looking);
      unweigh(weights, errors, of, scale_);
      multiply(as_it_lies(k), errors, of.stride, dq, steps_, width_, of.seen, of.looking);
      transpose(errors, across, of, steps_);
      multiply(as_it_lies(q), across, steps_, dk, steps_, width_, of.looking, of.seen);
      clear_padding(dq, of.looking);
      clear_padding(dk, of.seen);
      clear_padding(dv, of.seen);
    });
  }

 private:
  static std::vector<Argument> arguments_for(const Layout& src, const Attention& attention) {
    std::vector<Argument> list{{Slot::src, src},
                               {Slot::diff_dst, half_of(src)},
                               {Slot::workspace, {}, bytes(src.shape()[0] * attention.heads * scores_of(src))},
                               {Slot::diff_src, src},
                               {Slot::scratchpad, {}, bytes(2 * threads_of(src, attention) * scores_of(src))}};
    if (attention.has_lengths) list.push_back(lengths_of(src));
    return list;
  }
};

}  // namespace

Kernel attention_forward(const Layout& src, const Attention& attention, bool training) {
  return std::make_shared<AttentionForward>(src, attention, training);
}
Kernel attention_backward(const Layout& src, const Attention& attention) {
  return std::make_shared<AttentionBackward>(src, attention);
}

}  // namespace tensor

// Dense layers, and the two products of an attention.
#include "neon/onnx/attention_scores.h"

namespace neon {
namespace {

struct Matrix {
  std::int64_t nout, nin;
  std::vector<float> w;  ///< (nout, nin)
};

Matrix matrix(const OnnxOperation& op, std::size_t i, bool is_nout_nin, float factor = 1) {
  const OnnxTensor& tensor = op.constant(i);
  if (tensor.shape.size() != 2)
    op.refuse(fmt::format("'{}' is {}, not a matrix", op.node().inputs[i], tensor::text(tensor.shape)));
  const std::int64_t rows = tensor.shape[0], columns = tensor.shape[1];
  const std::vector<float>& from = op.floats(i);
  if (is_nout_nin && factor == 1) return {rows, columns, from};
  std::vector<float> w(from.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      w[static_cast<std::size_t>(is_nout_nin ? r * columns + c : c * rows + r)] =
          factor * from[static_cast<std::size_t>(r * columns + c)];
  return is_nout_nin ? Matrix{rows, columns, std::move(w)} : Matrix{columns, rows, std::move(w)};
}

void gemm(OnnxOperation& op) {
  const bool turned = op.attributes.integer("transB", 0) != 0;
  if (op.view().order.rank() != 2) op.refuse("its input is no matrix");
  const Matrix m = matrix(op, 1, turned, op.attributes.number("alpha", 1));
  OnnxView y = op.product(op.view(), 1, m.nout, m.nin, m.w);
  const float beta = op.attributes.number("beta", 1);
  if (op.has(2) && beta != 0) {
    const OnnxTensor bias =
        computed({&op.constant(2)}, [beta](std::span<const double> x) { return beta * x[0]; }, false);
    y = op.plus_constant(y, bias, false);
  }
  op.put(std::move(y));
}

OnnxView turned(OnnxView view) {
  const std::size_t rank = view.order.rank();
  if (rank > 1) std::swap(view.order.axes[rank - 2], view.order.axes[rank - 1]);
  return view;
}

void mat_mul(OnnxOperation& op) {
  if (op.is_constant(0) && op.is_constant(1)) op.refuse("it multiplies two constants");
  if (op.is_constant(0)) {  // a matrix times (n, features, time steps)
    const Matrix m = matrix(op, 0, true);
    const std::size_t rank = op.view(1).order.rank();
    if (rank < 2) op.refuse("its input has no rows");
    return op.put(op.product(op.view(1), rank - 2, m.nout, m.nin, m.w));
  }
  if (!op.is_constant(1)) {
    if (op.view(0).edge >= kAttentionEdges) return op.put(attended(op, op.view(0), op.view(1)));
    if (op.view(1).edge >= kAttentionEdges)  // the same, turned
      return op.put(turned(attended(op, turned(op.view(1)), turned(op.view(0)))));
    return op.put(scores(op, op.view(0), op.view(1)));
  }
  const Matrix m = matrix(op, 1, false);
  const std::size_t rank = op.view(0).order.rank();
  if (rank < 2) op.refuse("its input has no rows");
  op.put(op.product(op.view(0), rank - 1, m.nout, m.nin, m.w));
}

const OnOnnxShelf registered_gemm({"Gemm",
                                   "Linear and Bias",
                                   "transA, weights that are computed",
                                   {{"alpha"}, {"beta"}, {"transA", 0}, {"transB"}},
                                   gemm});
const OnOnnxShelf registered_mat_mul({"MatMul",
                                      "Linear; of queries and keys, and of their Softmax and values, Attention",
                                      "other products of what two layers give",
                                      {},
                                      mat_mul});

}  // namespace
}  // namespace neon

#include <cmath>

#include "base/error.h"
#include "neon/booking.h"
#include "neon/parallel.h"
#include "neon/threads.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

/// dx = y·(dy - Σ dy·y), one row of the Jacobian's product.
NCLOUD_VECTORIZED
void times_jacobian(const float* y, const float* dy, float* dx, std::int64_t count) {
  double sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (int lane = 0; lane < 4; ++lane) sums[lane] += static_cast<double>(dy[i + lane]) * y[i + lane];
  for (; i < count; ++i) sums[0] += static_cast<double>(dy[i]) * y[i];
  const auto sum = static_cast<float>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (i = 0; i < count; ++i) dx[i] = y[i] * (dy[i] - sum);
}

class Softmax final : public Transform {
 public:
  struct Config {
    std::int64_t axis = 0;
    double epsilon = 0x1p-23;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("axis", &Config::axis, "0: over the features of an example").range(0, 0),
                        base::field("epsilon", &Config::epsilon, "unused; accepted because model files give it"),
                        base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Softmax(const Config&) {}

  bool is_shortcut() const override { return true; }

  Value forward(Booking& booking, const Value& src, const std::string& name) const override {
    const tensor::Shape& shape = src.layout.shape();
    const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, shape);
    const Value rows = booking.in_layout(src, plain, name + " input in plain order")
                           .reshaped({shape[0], tensor::element_count(shape) / shape[0]});
    const Value dst = booking.value(rows.layout);
    booking.may_replace(rows, dst);
    const ThreadScope scope(threads_for(tensor::element_count(shape)));
    booking.add(name + " forward", tensor::softmax_forward(rows.layout),
                {{tensor::Slot::src, rows.buffer}, {tensor::Slot::dst, dst.buffer}});
    return dst.reshaped(shape);
  }

  Value backward(Booking& booking, const Value& y, const Value& diff_dst, const std::string& name) const override {
    const tensor::Shape& shape = y.layout.shape();
    const Value dy = booking.in_layout(diff_dst, y.layout, name + " error in plain order");
    const Value dx = booking.value(y.layout);
    booking.may_replace(dy, dx);
    const std::int64_t rows = shape[0], columns = tensor::element_count(shape) / rows;
    booking.add(name + " derivative", {y.buffer, dy.buffer, dx.buffer},
                [rows, columns](std::byte* const* memory, const StepContext&) {
                  for (std::int64_t row = 0; row < rows; ++row)
                    times_jacobian(floats(memory[0]) + row * columns, floats(memory[1]) + row * columns,
                                   floats(memory[2]) + row * columns, columns);
                });
    return dx;
  }

  void reference_forward(std::span<double> row) const override {
    const double highest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (double& x : row) sum += x = std::exp(x - highest);
    for (double& x : row) x /= sum;
  }
  void reference_backward(std::span<const double> y, std::span<double> dy) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += dy[i] * y[i];
    for (std::size_t i = 0; i < y.size(); ++i) dy[i] = y[i] * (dy[i] - sum);
  }
};

const OnShelf<Transform, Softmax> registered("Softmax", "exp(x - max) / sum over the features of an example", {},
                                             {{"LogSoftmax", "write Softmax with the cost CrossEntropyMulti"}});

}  // namespace
}  // namespace neon

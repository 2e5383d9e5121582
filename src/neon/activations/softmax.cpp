#include <cmath>

#include "base/error.h"
#include "neon/booking.h"
#include "neon/parallel.h"
#include "neon/threads.h"

namespace neon {
namespace {

/// Its backward pass is the identity: together with CrossEntropyMulti, whose gradient is y - t, that is exact.
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

  bool derivative_is_exact() const override { return false; }

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

  void reference_forward(std::span<double> row) const override {
    const double highest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (double& x : row) sum += x = std::exp(x - highest);
    for (double& x : row) x /= sum;
  }
  void reference_backward(std::span<const double>, std::span<double>) const override {}
};

const OnShelf<Transform, Softmax> registered("Softmax", "exp(x - max) / sum over the features of an example");

}  // namespace
}  // namespace neon

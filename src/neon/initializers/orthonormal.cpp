#include <cmath>
#include <cstring>
#include <numeric>

#include "neon/initializer.h"
#include "neon/shelf.h"
#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace neon {
namespace {

constexpr int kLanes = 8;
using Lanes [[gnu::vector_size(kLanes * sizeof(double))]] = double;

[[gnu::always_inline]] inline void load(Lanes& lanes, const double* from) { std::memcpy(&lanes, from, sizeof(lanes)); }

/// The products of a with each of `kCount` rows that lie one after the other in b.
template <int kCount>
[[gnu::always_inline]] inline void products_of(const double* a, const double* b, std::int64_t n, double* products) {
  Lanes sums[kCount] = {}, left, right;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    load(left, a + i);
    for (int k = 0; k < kCount; ++k) {
      load(right, b + k * n + i);
      sums[k] += left * right;
    }
  }
  for (int k = 0; k < kCount; ++k) {
    products[k] = 0;
    for (int lane = 0; lane < kLanes; ++lane) products[k] += sums[k][lane];
    for (std::int64_t rest = i; rest < n; ++rest) products[k] += a[rest] * b[k * n + rest];
  }
}

/// Takes away from a what it has of each of `kCount` orthonormal rows that lie one after the other in b.
template <int kCount>
[[gnu::always_inline]] inline void remove_rows(double* __restrict a, const double* __restrict b, std::int64_t n) {
  double products[kCount];
  products_of<kCount>(a, b, n, products);
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int k = 0; k < kCount; ++k) sum += products[k] * b[k * n + i];
    a[i] -= sum;
  }
}

NCLOUD_VECTORIZED void remove_one(double* a, const double* b, std::int64_t n) { remove_rows<1>(a, b, n); }
NCLOUD_VECTORIZED void remove_four(double* a, const double* b, std::int64_t n) { remove_rows<4>(a, b, n); }

/// Rows of n numbers, at most n of them.
struct Rows {
  std::vector<double> values;
  std::int64_t n = 0;
  std::int64_t count() const { return static_cast<std::int64_t>(values.size()) / n; }
  double* operator[](std::int64_t row) { return values.data() + row * n; }

  /// Takes away from each row of [begin, end) what it has of the rows [from, to), which are orthonormal.
  void remove(std::int64_t from, std::int64_t to, std::int64_t begin, std::int64_t end) {
    const int threads = begin + 1 == end ? 1 : tensor::threads_for((to - from) * (end - begin) * n);
    tensor::for_parts(end - begin, threads, [&](std::int64_t first, std::int64_t last, int) {
      std::int64_t other = from;
      for (; other + 4 <= to; other += 4)
        for (std::int64_t row = begin + first; row < begin + last; ++row) remove_four((*this)[row], (*this)[other], n);
      for (; other < to; ++other)
        for (std::int64_t row = begin + first; row < begin + last; ++row) remove_one((*this)[row], (*this)[other], n);
    });
  }

  void normalize(std::int64_t row) {
    const std::span<double> numbers((*this)[row], static_cast<std::size_t>(n));
    const double norm = std::sqrt(std::inner_product(numbers.begin(), numbers.end(), numbers.begin(), 0.0));
    for (double& number : numbers) number /= norm;
  }

  /// Modified Gram-Schmidt, in blocks of rows, so that the finished rows are read once for many new ones. What rounding
  /// leaves of them is far below f32 for any matrix of normal numbers.
  void make_orthonormal() {
    constexpr std::int64_t kBlock = 32;
    for (std::int64_t begin = 0; begin < count(); begin += kBlock) {
      const std::int64_t end = std::min(count(), begin + kBlock);
      remove(0, begin, begin, end);
      for (std::int64_t row = begin; row < end; ++row) {
        remove(begin, row, row, row + 1);
        normalize(row);
      }
    }
  }
};

class Orthonormal final : public Initializer {
 public:
  struct Config {
    double scale = 1.1;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("scale", &Config::scale, "length of each row or column"),
                        base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit Orthonormal(Config config) : config_(std::move(config)) {}

  void fill(std::span<float> out, std::int64_t rows, std::int64_t columns, base::Random& random) const override {
    const bool is_tall = rows > columns;  // then its columns are the orthonormal rows of the transpose
    Rows q{std::vector<double>(out.size()), std::max(rows, columns)};
    for (double& value : q.values) value = random.normal();
    q.make_orthonormal();
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t column = 0; column < columns; ++column)
        out[static_cast<std::size_t>(row * columns + column)] =
            static_cast<float>(config_.scale * (is_tall ? q[column][row] : q[row][column]));
  }

 private:
  Config config_;
};

const OnShelf<Initializer, Orthonormal> registered(
    "Orthonormal", "orthogonal rows of equal length, or columns where there are more rows than columns",
    R"(W·Wᵀ = `scale`²·1, or Wᵀ·W = `scale`²·1 where W has more rows than columns. It is a matrix of normal numbers, made orthonormal by
Gram-Schmidt in double; neon takes a factor of its singular value decomposition. Both are evenly distributed over all such
matrices. Some seconds for 4096 × 4096.)",
    {{"Orthogonal", ""}});

}  // namespace
}  // namespace neon

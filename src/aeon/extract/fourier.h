#pragma once
#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

namespace aeon {

/// The discrete Fourier transform of n real numbers, of which the last half says nothing new. Threads: any number at
/// once, each with its own scratch.
class Fourier {
 public:
  using Scratch = std::vector<std::complex<float>>;

  explicit Fourier(std::int64_t n);
  ~Fourier();
  Fourier(Fourier&&) noexcept;
  Fourier& operator=(Fourier&&) noexcept;

  std::int64_t size() const { return n_; }
  std::int64_t bins() const { return n_ / 2 + 1; }

  /// |X(k)|² for k = 0 ... bins() - 1, of x(0) ... x(n - 1).
  void power(const float* x, float* power, Scratch& scratch) const;

 private:
  struct Tables;
  std::int64_t n_;
  std::unique_ptr<Tables> tables_;
};

}  // namespace aeon

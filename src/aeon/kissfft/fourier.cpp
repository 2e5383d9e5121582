// The only place with KISS FFT.
#include "aeon/extract/fourier.h"

#include <kissfft/kiss_fft.h>

#include <cmath>
#include <new>
#include <numbers>

#include "tensor/vectorized.h"

namespace aeon {

static_assert(sizeof(kiss_fft_cpx) == sizeof(std::complex<float>));

struct Fourier::Tables {
  kiss_fft_cfg plan = nullptr;
  std::vector<std::complex<float>> turns;  // exp(-2πik/n), k = 0 ... n/4; empty where n is odd

  ~Tables() { kiss_fft_free(plan); }
};

Fourier::~Fourier() = default;
Fourier::Fourier(Fourier&&) noexcept = default;
Fourier& Fourier::operator=(Fourier&&) noexcept = default;

// n real numbers are half as many complex ones: even places real, odd ones imaginary.
Fourier::Fourier(std::int64_t n) : n_(n), tables_(std::make_unique<Tables>()) {
  const bool even = n % 2 == 0;
  tables_->plan = kiss_fft_alloc(static_cast<int>(even ? n / 2 : n), 0, nullptr, nullptr);
  if (tables_->plan == nullptr) throw std::bad_alloc();
  for (std::int64_t k = 0; even && k <= n / 4; ++k) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    tables_->turns.emplace_back(static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle)));
  }
}

namespace {

// With Z the transform of the halves, E = (Z(k) + Z*(half-k))/2 and O = (Z(k) - Z*(half-k))/2i are those of the even
// and the odd places; X(k) = E + w(k) O, and X(half-k) is the conjugate of E - w(k) O.
NCLOUD_VECTORIZED void separate(const float* z, const float* turns, std::size_t half, float* power) {
  for (std::size_t k = 0; k <= half / 2; ++k) {
    const float* mirror = z + 2 * (k == 0 ? 0 : half - k);
    const float even_re = z[2 * k] + mirror[0], even_im = z[2 * k + 1] - mirror[1];
    const float odd_re = z[2 * k + 1] + mirror[1], odd_im = mirror[0] - z[2 * k];
    const float re = turns[2 * k] * odd_re - turns[2 * k + 1] * odd_im;
    const float im = turns[2 * k] * odd_im + turns[2 * k + 1] * odd_re;
    power[k] = 0.25f * ((even_re + re) * (even_re + re) + (even_im + im) * (even_im + im));
    power[half - k] = 0.25f * ((even_re - re) * (even_re - re) + (even_im - im) * (even_im - im));
  }
}

}  // namespace

void Fourier::power(const float* x, float* power, Scratch& scratch) const {
  const auto n = static_cast<std::size_t>(n_);
  scratch.resize(2 * n);
  auto* in = reinterpret_cast<kiss_fft_cpx*>(scratch.data());
  auto* out = in + n;
  const auto* transformed = scratch.data() + n;
  if (n % 2 != 0) {
    for (std::size_t i = 0; i < n; ++i) in[i] = {x[i], 0};
    kiss_fft(tables_->plan, in, out);
    for (std::size_t k = 0; k <= n / 2; ++k) power[k] = std::norm(transformed[k]);
    return;
  }
  const std::size_t half = n / 2;
  for (std::size_t i = 0; i < half; ++i) in[i] = {x[2 * i], x[2 * i + 1]};
  kiss_fft(tables_->plan, in, out);
  separate(reinterpret_cast<const float*>(out), reinterpret_cast<const float*>(tables_->turns.data()), half, power);
}

}  // namespace aeon

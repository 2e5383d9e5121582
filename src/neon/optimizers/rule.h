#pragma once
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "neon/optimizer.h"
#include "neon/schedule.h"
#include "neon/shelf.h"

namespace neon {

/// The option of neon's GPU kernels that this build does not have.
struct StochasticRound {
  static StochasticRound from_json(const base::json::value& value, std::string_view where) {
    if (base::decode<bool>(value, where))
      throw base::Error(base::Code::invalid_argument,
                        "stochastic_round must be false: parameters are f32 and round to nearest; leave it out",
                        std::string(where));
    return {};
  }
  base::json::value to_json() const { return false; }
  static base::json::object schema() { return {{"type", "boolean"}, {"const", false}}; }
};

/// A bound that may be absent. Errors: invalid_argument unless positive.
inline void check_bound(const std::optional<double>& bound, std::string_view name) {
  if (bound && !(*bound > 0))
    throw base::Error(base::Code::invalid_argument, fmt::format("{} must be positive, got {}", name, *bound));
}

/// A share of an old mean that must leave something to the new value. Errors: invalid_argument at 1.
inline void check_under_one(double beta, std::string_view name) {
  if (!(beta < 1))
    throw base::Error(base::Code::invalid_argument, fmt::format("{} must be under 1, got {}", name, beta));
}

/// 1 − βᵗ: the weight that a running mean which started at zero has gathered after t steps.
inline double weight_gathered(double beta, std::int64_t step) { return 1 - std::pow(beta, static_cast<double>(step)); }

/// |bound| for clipping; infinity, which clips nothing, when absent.
inline double bound_or_none(const std::optional<double>& bound) {
  return bound ? std::abs(*bound) : std::numeric_limits<double>::infinity();
}

/// x within ±bound; NaN stays NaN.
template <class Real>
[[gnu::always_inline]] inline Real clip(Real x, Real bound) {
  x = x < -bound ? -bound : x;
  return bound < x ? bound : x;
}

/// Clips weights to ±bound, when there is one: after a pass, which is faster without it.
void keep_within(const std::optional<double>& bound, float* weights, std::int64_t n);

/// Calls work(begin, end) over pieces of [0, n), in parallel when there are many. The pieces depend on n alone, so
/// results do not depend on the number of threads.
template <class Work>
void in_pieces(std::int64_t n, const Work& work) {
  constexpr std::int64_t kParallelFrom = 64 * 1024, kPiece = 16 * 1024;
  if (n < kParallelFrom) {
    work(std::int64_t{0}, n);
    return;
  }
  const std::int64_t pieces = (n + kPiece - 1) / kPiece;
#pragma omp parallel for schedule(static)
  for (std::int64_t piece = 0; piece < pieces; ++piece) work(piece * kPiece, std::min(n, (piece + 1) * kPiece));
}

/// The same, and adds up the two numbers that work returns for each piece.
template <class Work>
std::pair<double, double> sums_in_pieces(std::int64_t n, const Work& work) {
  constexpr std::int64_t kParallelFrom = 64 * 1024, kPiece = 16 * 1024, kPieces = 256;
  if (n < kParallelFrom) return work(std::int64_t{0}, n);
  const std::int64_t length = std::max(kPiece, ((n + kPieces - 1) / kPieces + 15) / 16 * 16);
  const std::int64_t pieces = (n + length - 1) / length;
  std::array<std::pair<double, double>, kPieces> parts;
#pragma omp parallel for schedule(static)
  for (std::int64_t piece = 0; piece < pieces; ++piece)
    parts[static_cast<std::size_t>(piece)] = work(piece * length, std::min(n, (piece + 1) * length));
  std::pair<double, double> sums;
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    sums.first += parts[static_cast<std::size_t>(piece)].first;
    sums.second += parts[static_cast<std::size_t>(piece)].second;
  }
  return sums;
}

}  // namespace neon

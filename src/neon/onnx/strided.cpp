#include "neon/onnx/strided.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace neon {
namespace {

[[noreturn]] void refuse(std::string why) { throw base::Error(base::Code::invalid_argument, std::move(why)); }

}  // namespace

std::int64_t extent_of(const Axis& runs) {
  std::int64_t count = 1;
  for (const Run& run : runs)
    if (__builtin_mul_overflow(count, run.extent, &count)) refuse("it has more numbers than can be counted");
  return count;
}

Axis merged(const Axis& runs) {
  Axis result;
  for (const Run& run : runs) {
    if (run.stride == kBatch) {
      result.push_back(run);
    } else if (run.extent != 1) {
      const bool goes_on = !result.empty() && result.back().stride != kBatch && run.stride > 0 &&
                           result.back().stride % run.stride == 0 && result.back().stride / run.stride == run.extent;
      if (goes_on)
        result.back() = {result.back().extent * run.extent, run.stride};
      else
        result.push_back(run);
    }
  }
  return result;
}

std::vector<std::int64_t> places(const Axis& runs, std::int64_t most) {
  if (extent_of(runs) > most) throw base::Error(base::Code::too_large, "it has too many numbers");
  std::vector<std::int64_t> at{0};
  for (const Run& run : runs) {
    std::vector<std::int64_t> more;
    more.reserve(at.size() * static_cast<std::size_t>(std::max<std::int64_t>(run.extent, 0)));
    for (const std::int64_t begin : at)
      for (std::int64_t i = 0; i < run.extent; ++i) more.push_back(begin + i * run.stride);
    at = std::move(more);
  }
  return at;
}

bool cover(const Axis& runs, std::int64_t count) {
  Axis sorted = runs;
  std::sort(sorted.begin(), sorted.end(), [](const Run& a, const Run& b) { return a.stride > b.stride; });
  sorted = merged(sorted);
  return count == 1 ? sorted.empty() : sorted == Axis{{count, 1}};
}

std::size_t axis_of(std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) refuse(fmt::format("axis {} is outside of {} extents", axis, rank));
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

std::int64_t Strided::extent(std::size_t axis) const { return extent_of(axes[axis]); }

tensor::Shape Strided::shape() const {
  tensor::Shape shape;
  for (const Axis& axis : axes) shape.push_back(extent_of(axis));
  return shape;
}

std::int64_t Strided::count() const {
  Axis all;
  for (const Axis& axis : axes) all.insert(all.end(), axis.begin(), axis.end());
  return extent_of(all);
}

Axis Strided::runs(const std::vector<std::size_t>& of) const {
  Axis all;
  for (const std::size_t axis : of)
    for (const Run& run : axes[axis])
      if (run.stride != kBatch) all.push_back(run);
  return merged(all);
}

Axis Strided::runs_besides(std::size_t axis) const {
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (i != axis) others.push_back(i);
  return runs(others);
}

Axis Strided::all_runs() const { return runs_besides(axes.size()); }

Strided Strided::reshaped(const tensor::Shape& to) const {
  Axis left;
  for (const Axis& axis : axes) left.insert(left.end(), axis.begin(), axis.end());
  left = merged(left);
  const auto fail = [&] {
    refuse(fmt::format("({}) does not become ({})", fmt::join(shape(), ", "), fmt::join(to, ", ")));
  };
  Strided result{offset, {}};
  std::size_t next = 0;
  for (std::int64_t needed : to) {
    if (needed < 1) fail();
    Axis axis;
    while (next < left.size() && (needed > 1 || left[next].extent == 1)) {
      Run& run = left[next];
      if (needed % run.extent == 0) {
        axis.push_back(run);
        needed /= run.extent;
        ++next;
      } else if (run.stride != kBatch && run.extent % needed == 0) {
        run.extent /= needed;
        axis.push_back({needed, run.stride * run.extent});  // its slower part
        needed = 1;
      } else {
        fail();
      }
    }
    if (needed != 1) fail();
    result.axes.push_back(merged(axis));
  }
  if (next < left.size()) {
    if (left.size() - next > 1 || left[next].extent != 1 || result.axes.empty()) fail();
    result.axes.back().push_back(left[next]);  // a batch of one
  }
  return result;
}

Strided Strided::transposed(const std::vector<std::int64_t>& order) const {
  std::vector<std::int64_t> sorted = order, all(axes.size());
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), std::int64_t{0});
  if (sorted != all) refuse(fmt::format("({}) is no order of {} extents", fmt::join(order, ", "), axes.size()));
  Strided result{offset, {}};
  for (const std::int64_t axis : order) result.axes.push_back(axes[static_cast<std::size_t>(axis)]);
  return result;
}

Strided Strided::with_one(std::size_t at) const {
  Strided result = *this;
  result.axes.insert(result.axes.begin() + static_cast<std::ptrdiff_t>(std::min(at, axes.size())), Axis());
  return result;
}

Strided Strided::without(std::size_t axis) const {
  if (extent(axis) != 1) refuse(fmt::format("extent {} is {}, not 1", axis, extent(axis)));
  Strided result = *this;
  const Axis kept = axes[axis];  // a batch of one goes to a neighbour
  result.axes.erase(result.axes.begin() + static_cast<std::ptrdiff_t>(axis));
  if (!kept.empty() && !result.axes.empty()) {
    Axis& neighbour = result.axes[std::min(axis, result.axes.size() - 1)];
    neighbour.insert(neighbour.begin(), kept.begin(), kept.end());
  }
  return result;
}

Strided Strided::sliced(std::size_t axis, std::int64_t start, std::int64_t count, std::int64_t step) const {
  if (start == 0 && step == 1 && count == extent(axis)) return *this;
  const Axis& runs = axes[axis];
  if (count < 1 || step < 1 || start < 0 || start + (count - 1) * step >= extent(axis))
    refuse(fmt::format("{} numbers from {} on, every {}, are no part of extent {}", count, start, step, extent(axis)));
  Strided result = *this;
  if (runs.size() == 1 && runs[0].stride != kBatch) {
    result.offset += start * runs[0].stride;
    result.axes[axis] = count == 1 ? Axis{} : Axis{{count, runs[0].stride * step}};
    return result;
  }
  // A part of the slowest run, or one number.
  const std::int64_t inner = runs.empty() ? 1 : extent_of(runs) / runs[0].extent;
  const bool examples = std::any_of(runs.begin(), runs.end(), [](const Run& run) { return run.stride == kBatch; });
  if (examples) refuse("examples are taken apart");
  if (count == 1) {
    std::int64_t rest = start;
    for (std::size_t i = runs.size(); i-- > 0;) {
      result.offset += rest % runs[i].extent * runs[i].stride;
      rest /= runs[i].extent;
    }
    result.axes[axis].clear();
    return result;
  }
  if (step != 1 || start % inner != 0 || count % inner != 0) refuse("a part is taken of numbers that lie apart");
  result.offset += start / inner * runs[0].stride;
  result.axes[axis][0].extent = count / inner;
  result.axes[axis] = merged(result.axes[axis]);
  return result;
}

Strided in_order(const tensor::Shape& shape) {
  Strided result;
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0; stride *= shape[i])
    result.axes.push_back(shape[i] == 1 ? Axis{} : Axis{{shape[i], stride}});
  std::reverse(result.axes.begin(), result.axes.end());
  return result;
}

Strided in_order_behind_batch(std::int64_t batch, const tensor::Shape& sample) {
  Strided result = in_order(sample);
  result.axes.insert(result.axes.begin(), Axis{{batch, kBatch}});
  return result;
}

}  // namespace neon

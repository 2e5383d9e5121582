#pragma once
#include "tensor/runnable.h"

namespace tensor {

/// Pooling of regions: for each region of each example the largest number of each map in each of height × width bins.
/// A region is (ignored, xmin, ymin, xmax, ymax) in coordinates that `scale` makes those of the maps. Row-major maps
/// (n, c, h, w), regions (n, regions, 5), dst (n, c·height·width, regions).
struct RegionPooling {
  std::int64_t n = 0, c = 0, h = 0, w = 0, regions = 0, height = 7, width = 7;
  double scale = 0.0625;
  std::int64_t bins() const { return height * width; }
};

/// The cells [begin, end) of one bin; empty where a bin lies outside.
struct Cells {
  std::int64_t y_begin = 0, y_end = 0, x_begin = 0, x_end = 0;
};
/// Rounded as Caffe does it: the corners to whole cells, both inside; bins to all cells that they touch. Corners that
/// are not numbers, or far outside, count as the nearest there are.
Cells cells_of(const RegionPooling& how, const double (&corners)[4], std::int64_t bin);

/// Arguments: src (maps), src (regions), dst, workspace (which cell was taken).
Kernel region_pooling_forward(const RegionPooling& how);
/// Arguments: diff_dst, workspace, diff_src.
Kernel region_pooling_backward(const RegionPooling& how);

}  // namespace tensor

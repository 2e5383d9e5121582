#include "base/error.h"
#include "neon/onnx/operators/windows.h"

namespace neon {
namespace {

const base::json::object kInit{{"type", "GlorotUniform"}};

OnnxTensor filters_of(const OnnxOperation& op, std::size_t rank) {
  OnnxTensor w{op.constant(1).name, op.constant(1).shape, op.floats(1)};
  if (w.shape.size() != rank) op.refuse(fmt::format("its weights are {}", tensor::text(w.shape)));
  return w;
}

base::json::object config_of(const OnnxWindow& window, std::int64_t maps) {
  base::json::array fshape;
  for (const std::int64_t extent : window.kernel) fshape.push_back(extent);
  fshape.push_back(maps);
  base::json::object config{{"fshape", std::move(fshape)}, {"init", kInit}};
  const std::vector<std::int64_t> ones(window.kernel.size(), 1), zeros(window.kernel.size(), 0);
  if (window.strides != ones) config["strides"] = written(window.strides, kStrideKeys);
  if (window.begins != zeros) config["padding"] = written(window.begins, kPadKeys);
  if (window.dilations != ones) config["dilation"] = written(window.dilations, kDilationKeys);
  return config;
}

/// A filter grows by zeros so that its padding is `more` wider at one end.
std::int64_t rows_of_zeros(const OnnxOperation& op, std::int64_t more, std::int64_t dilation) {
  if (more % dilation != 0) op.refuse("pads that differ at both ends do not go with the dilation");
  return more / dilation;
}

void conv(OnnxOperation& op) {
  const OnnxView& given = op.view();
  OnnxView x = given;
  x.pads.clear();
  x = op.whole(x);
  const std::size_t rank = x.order.rank();
  const int in = op.maps(x);
  OnnxTensor w = filters_of(op, rank);
  OnnxWindow window = window_of(op, {w.shape.begin() + 2, w.shape.end()}, rank);
  w.shape = filters_shape(w.shape);
  const tensor::Shape extents = extents_of(op.shape_of(in));
  pad_automatically(op, window, extents);
  if (!given.pads.empty()) {
    if (given.padded_with != 0) op.refuse("a convolution pads with 0");
    const std::size_t ahead = extents.size() - (rank - 2);
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int64_t before = given.pads[i], behind = given.pads[rank + i];
      if (i < 2 && (before != 0 || behind != 0)) op.refuse("a Pad adds feature maps");
      if (i < 2) continue;
      window.begins[ahead + i - 2] += before;
      window.ends[ahead + i - 2] += behind;
    }
  }
  // Padding is the same at both ends here. Where it is not, a filter has rows of zeros over what there is too much of.
  std::vector<std::int64_t> before(extents.size()), behind(extents.size());
  for (std::size_t i = 0; i < extents.size(); ++i) {
    OnnxWindow same = window;
    same.ends[i] = same.begins[i];
    if (places_of(same, extents, i) == places_of(window, extents, i)) {
      window.ends[i] = window.begins[i];
    } else if (window.begins[i] < window.ends[i]) {
      before[i] = rows_of_zeros(op, window.ends[i] - window.begins[i], window.dilations[i]);
      window.begins[i] = window.ends[i];
    } else {
      behind[i] = rows_of_zeros(op, window.begins[i] - window.ends[i], window.dilations[i]);
    }
    window.kernel[i] += before[i] + behind[i];
  }
  w = with_zeros(w, before, behind);
  base::json::object config = config_of(window, w.shape[0]);
  tensor::Shape shape = w.shape;
  if (const std::int64_t groups = op.attributes.integer("group", 1); groups != 1) {
    if (groups < 1 || shape[0] % groups != 0) op.refuse(fmt::format("{} maps in {} groups", shape[0], groups));
    config["groups"] = groups;
    shape[0] /= groups;
    shape.insert(shape.begin(), groups);
  }
  OnnxView y = op.of_maps(op.layer("Convolution", std::move(config), in), rank);
  op.parameter("W", shape, std::get<std::vector<float>>(std::move(w.values)));
  if (op.has(2)) y = op.plus_bias(y, op.floats(2));
  op.put(std::move(y));
}

void conv_transpose(OnnxOperation& op) {
  const OnnxView x = op.whole();
  const std::size_t rank = x.order.rank();
  const int in = op.maps(x);
  OnnxTensor w = filters_of(op, rank);
  OnnxWindow window = window_of(op, {w.shape.begin() + 2, w.shape.end()}, rank);
  w.shape = filters_shape(w.shape);
  if (op.attributes.word("auto_pad", "NOTSET") != "NOTSET")
    op.refuse("auto_pad is not taken over; export with explicit pads");
  std::vector<std::int64_t> more = op.attributes.list("output_padding", std::vector<std::int64_t>(rank - 2, 0));
  if (more.size() != rank - 2) op.refuse("output_padding has not a number for each dimension");
  if (more.size() == 1) more.insert(more.begin(), 0);
  // What is more at the end than at the beginning is what a longer filter reaches, with zeros.
  std::vector<std::int64_t> before(more.size()), behind(more.size());
  for (std::size_t i = 0; i < more.size(); ++i) {
    const std::int64_t cut = window.ends[i] - more[i];  // at the end
    if (more[i] < 0 || more[i] > 65535) op.refuse("output_padding must be from 0 to 65535");
    if (cut > window.begins[i]) {
      before[i] = rows_of_zeros(op, cut - window.begins[i], window.dilations[i]);
      window.begins[i] = cut;
    } else {
      behind[i] = rows_of_zeros(op, window.begins[i] - cut, window.dilations[i]);
    }
    window.kernel[i] += before[i] + behind[i];
  }
  w = with_zeros(w, before, behind);
  OnnxView y = op.of_maps(op.layer("Deconvolution", config_of(window, w.shape[1]), in), rank);
  op.parameter("W", w.shape, std::get<std::vector<float>>(std::move(w.values)));
  if (op.has(2)) y = op.plus_bias(y, op.floats(2));
  op.put(std::move(y));
}

const OnOnnxShelf registered_conv(
    {"Conv",
     "Convolution and Bias, in one to three dimensions; where pads differ at both ends filters get rows of zeros",
     "weights that are computed",
     {{"group"}, {"kernel_shape"}, {"strides"}, {"pads"}, {"dilations"}, {"auto_pad"}},
     conv});
const OnOnnxShelf registered_conv_transpose(
    {"ConvTranspose",
     "Deconvolution and Bias",
     "group, auto_pad, output_shape",
     {{"group", 1}, {"kernel_shape"}, {"strides"}, {"pads"}, {"dilations"}, {"auto_pad"}, {"output_padding"}},
     conv_transpose});

}  // namespace
}  // namespace neon

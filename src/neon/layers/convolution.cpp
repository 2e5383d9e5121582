#include "neon/layers/convolution_layer.h"

namespace neon {
namespace {

class Convolution final : public ConvolutionLayer {
 public:
  using ConvolutionLayer::ConvolutionLayer;

  static std::vector<LayerCase> cases() {
    return {
        {R"({"fshape": [3, 3, 4], "init": "Gaussian"})", {3, 6, 5}},
        {R"({"fshape": [5, 5, 16], "init": "Gaussian"})", {3, 9, 9}},
        {R"({"fshape": [3, 3, 16], "init": "Gaussian", "padding": 1})", {16, 6, 6}},
        {R"({"fshape": {"R": 3, "S": 2, "K": 5}, "init": "Gaussian", "strides": 2, "padding": {"pad_w": 1}})",
         {2, 7, 7}},
        {R"({"fshape": [1, 1, 10], "init": "Gaussian"})", {12, 3, 3}},
        {R"({"fshape": [3, 3, 8], "init": "Gaussian", "dilation": 2, "strides": {"str_h": 2, "str_w": 1}})", {8, 9, 8}},
        {R"({"fshape": [2, 3, 3, 4], "init": "Gaussian", "strides": {"str_d": 2}})", {2, 4, 5, 5}},
        // In depth: strides, padding and dilation that differ from those in height and width.
        {R"({"fshape": [3, 2, 1, 5], "init": "Gaussian", "strides": {"str_d": 2, "str_h": 1, "str_w": 3},
             "padding": {"pad_d": 2, "pad_h": 0, "pad_w": 1}})",
         {3, 5, 4, 6}},
        {R"({"fshape": [2, 3, 3, 16], "init": "Gaussian", "padding": {"pad_d": 1, "pad_h": 1, "pad_w": 1},
             "dilation": {"dil_d": 3, "dil_h": 1, "dil_w": 2}})",
         {16, 4, 3, 5}},
        // One dimension.
        {R"({"fshape": [1, 5, 8], "init": "Gaussian", "padding": {"pad_w": 2}})", {4, 1, 19}},
        {R"({"fshape": [1, 3, 16], "init": "Gaussian", "strides": {"str_w": 2}, "dilation": {"dil_w": 2}})",
         {16, 1, 12}},
        // In groups, and by depth: a window for each map.
        {R"({"fshape": [3, 3, 4], "init": "Gaussian", "groups": 2, "padding": 1})", {6, 5, 4}},
        {R"({"fshape": [3, 3, 32], "init": "Gaussian", "groups": 2, "strides": 2})", {32, 5, 5}},
        {R"({"fshape": [3, 3, 16], "init": "Gaussian", "groups": 16, "padding": 1})", {16, 6, 5}},
        {R"({"fshape": [3, 3, 10], "init": "Gaussian", "groups": 5, "strides": 2, "padding": 1})", {5, 6, 5}},
        {R"({"fshape": [2, 3, 3, 6], "init": "Gaussian", "groups": 3})", {3, 3, 4, 4}}};
  }
};

const OnShelf<GraphPart, Convolution> registered(
    "Convolution", "cross-correlation with K windows",
    R"((c, h, w) → (K, oh, ow), with oh = ⌊(h + 2·padding − (dilation·(R − 1) + 1)) / stride⌋ + 1. `fshape` is `[R, S, K]`, `[T, R, S, K]` or
`{R: 3, S: 3, K: 16}`; strides, padding and dilation are a number or `{str_h: 2, str_w: 2}`, `{pad_h: …}`, `{dil_h: …}`. With a
depth, shapes are (c, d, h, w); in one dimension they are (c, 1, w), with `fshape: [1, S, K]` and `padding: {pad_w: 1}` (a plain
number speaks of the height, too). Parameter: W (c·R·S, K).

With `groups` the input's maps and the output's fall into so many groups, and each output sees the inputs of its own: W is
(c/groups·R·S, K). `groups` as large as c is a depthwise convolution. neon has no groups.)",
    {{"DepthwiseConv2D", "write Convolution or Conv with groups: as many as its input has maps"},
     {"SeparableConv2D",
      "write Conv with groups: as many as its input has maps, then Conv with fshape: [1, 1, maps]"}});

}  // namespace
}  // namespace neon

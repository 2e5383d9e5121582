#include "neon/layers/window_grammar.h"

#include "base/error.h"

namespace neon {
namespace {

using base::json::object;
using base::json::value;

struct ConvolutionMapping {
  std::optional<std::int64_t> T;
  std::int64_t R = 0, S = 0, K = 0;
  static constexpr auto fields() {
    return std::tuple(base::field("T", &ConvolutionMapping::T, "depth"),
                      base::field("R", &ConvolutionMapping::R, "height").positive().required(),
                      base::field("S", &ConvolutionMapping::S, "width").positive().required(),
                      base::field("K", &ConvolutionMapping::K, "output maps").positive().required());
  }
};

struct PoolingMapping {
  std::int64_t J = 1, T = 1, R = 1, S = 1;
  static constexpr auto fields() {
    return std::tuple(base::field("J", &PoolingMapping::J, "feature maps").positive(),
                      base::field("T", &PoolingMapping::T, "depth").positive(),
                      base::field("R", &PoolingMapping::R, "height").positive(),
                      base::field("S", &PoolingMapping::S, "width").positive());
  }
};

struct StridesMapping {
  std::optional<std::int64_t> str_d, str_h, str_w;
  static constexpr auto fields() {
    return std::tuple(base::field("str_d", &StridesMapping::str_d, "in depth"),
                      base::field("str_h", &StridesMapping::str_h, "in height"),
                      base::field("str_w", &StridesMapping::str_w, "in width"));
  }
};

struct PoolingStridesMapping {
  std::optional<std::int64_t> str_c, str_d, str_h, str_w;
  static constexpr auto fields() {
    return std::tuple(base::field("str_c", &PoolingStridesMapping::str_c, "over feature maps"),
                      base::field("str_d", &PoolingStridesMapping::str_d, "in depth"),
                      base::field("str_h", &PoolingStridesMapping::str_h, "in height"),
                      base::field("str_w", &PoolingStridesMapping::str_w, "in width"));
  }
};

struct PoolingPaddingMapping {
  std::int64_t pad_c = 0, pad_d = 0, pad_h = 0, pad_w = 0;
  static constexpr auto fields() {
    return std::tuple(base::field("pad_c", &PoolingPaddingMapping::pad_c, "over feature maps").at_least(0),
                      base::field("pad_d", &PoolingPaddingMapping::pad_d, "in depth").at_least(0),
                      base::field("pad_h", &PoolingPaddingMapping::pad_h, "in height").at_least(0),
                      base::field("pad_w", &PoolingPaddingMapping::pad_w, "in width").at_least(0));
  }
};

struct PaddingMapping {
  std::int64_t pad_d = 0, pad_h = 0, pad_w = 0;
  static constexpr auto fields() {
    return std::tuple(base::field("pad_d", &PaddingMapping::pad_d, "in depth").at_least(0),
                      base::field("pad_h", &PaddingMapping::pad_h, "in height").at_least(0),
                      base::field("pad_w", &PaddingMapping::pad_w, "in width").at_least(0));
  }
};

struct DilationMapping {
  std::int64_t dil_d = 1, dil_h = 1, dil_w = 1;
  static constexpr auto fields() {
    return std::tuple(base::field("dil_d", &DilationMapping::dil_d, "in depth").positive(),
                      base::field("dil_h", &DilationMapping::dil_h, "in height").positive(),
                      base::field("dil_w", &DilationMapping::dil_w, "in width").positive());
  }
};

std::int64_t at_least(std::int64_t low, const value& v, std::string_view what, std::string_view where) {
  const auto number = base::decode<std::int64_t>(v, where);
  if (number < low)
    throw base::Error(base::Code::invalid_argument, fmt::format("{} must be at least {}, got {}", what, low, number),
                      std::string(where));
  return number;
}

void check_strides(std::initializer_list<std::optional<std::int64_t>> strides, std::string_view where) {
  for (const auto& stride : strides)
    if (stride && *stride < 1)
      throw base::Error(base::Code::invalid_argument, fmt::format("strides must be at least 1, got {}", *stride),
                        std::string(where));
}

object either(object one, object other) { return {{"anyOf", base::json::array{std::move(one), std::move(other)}}}; }

object integer(int minimum) { return {{"type", "integer"}, {"minimum", minimum}}; }

}  // namespace

ConvolutionShape ConvolutionShape::from_json(const value& v, std::string_view where) {
  if (v.is_object()) {
    const auto m = base::decode<ConvolutionMapping>(v, where);
    if (m.T && *m.T < 1)
      throw base::Error(base::Code::invalid_argument, fmt::format("T must be at least 1, got {}", *m.T),
                        base::pointer_to(where, "T"));
    return {{m.T.value_or(1), m.R, m.S}, m.K, m.T.has_value()};
  }
  if (!v.is_array() || v.get_array().size() < 3 || v.get_array().size() > 4)
    base::fail_expected("[R, S, K], [T, R, S, K] or a mapping with the keys T, R, S, K", v, where);
  std::vector<std::int64_t> n;
  for (std::size_t i = 0; i < v.get_array().size(); ++i)
    n.push_back(at_least(1, v.get_array()[i], "every number of fshape", base::pointer_to(where, i)));
  if (n.size() == 3) return {{1, n[0], n[1]}, n[2], false};
  return {{n[0], n[1], n[2]}, n[3], true};
}

value ConvolutionShape::to_json() const {
  if (!has_depth) return base::json::array{window.h, window.w, maps};
  return base::json::array{window.d, window.h, window.w, maps};
}

object ConvolutionShape::schema() {
  return either({{"type", "array"}, {"items", integer(1)}, {"minItems", 3}, {"maxItems", 4}},
                base::schema<ConvolutionMapping>());
}

PoolingShape PoolingShape::from_json(const value& v, std::string_view where) {
  if (v.is_string() && v.get_string() == "all") return {{}, 1, true};
  if (v.is_object()) {
    const auto m = base::decode<PoolingMapping>(v, where);
    return {{m.T, m.R, m.S}, m.J, false};
  }
  if (v.is_array() && (v.get_array().size() == 2 || v.get_array().size() == 3)) {
    std::vector<std::int64_t> n;
    for (std::size_t i = 0; i < v.get_array().size(); ++i)
      n.push_back(at_least(1, v.get_array()[i], "every number of fshape", base::pointer_to(where, i)));
    return {{n.size() == 3 ? n[0] : 1, n[n.size() - 2], n.back()}, 1, false};
  }
  if (!v.is_number())
    base::fail_expected("a whole number, [R, S], [T, R, S], 'all' or a mapping with the keys J, T, R, S", v, where);
  const std::int64_t size = at_least(1, v, "fshape", where);
  return {{1, size, size}, 1, false};
}

value PoolingShape::to_json() const {
  if (all) return "all";
  return object{{"J", maps}, {"T", window.d}, {"R", window.h}, {"S", window.w}};
}

object PoolingShape::schema() {
  return {
      {"anyOf", base::json::array{integer(1), object{{"const", "all"}},
                                  object{{"type", "array"}, {"items", integer(1)}, {"minItems", 2}, {"maxItems", 3}},
                                  base::schema<PoolingMapping>()}}};
}

Strides Strides::from_json(const value& v, std::string_view where) {
  if (!v.is_object()) {
    const std::int64_t stride = at_least(1, v, "strides", where);
    return {{}, stride, stride};
  }
  const auto m = base::decode<StridesMapping>(v, where);
  check_strides({m.str_d, m.str_h, m.str_w}, where);
  return {m.str_d, m.str_h, m.str_w};
}

value Strides::to_json() const { return base::encode(StridesMapping{d, h, w}); }

object Strides::schema() { return either(integer(1), base::schema<StridesMapping>()); }

PoolingStrides PoolingStrides::from_json(const value& v, std::string_view where) {
  if (!v.is_object()) return {Strides::from_json(v, where), {}};
  const auto m = base::decode<PoolingStridesMapping>(v, where);
  check_strides({m.str_c, m.str_d, m.str_h, m.str_w}, where);
  return {{m.str_d, m.str_h, m.str_w}, m.str_c};
}

value PoolingStrides::to_json() const { return base::encode(PoolingStridesMapping{c, along.d, along.h, along.w}); }

object PoolingStrides::schema() { return either(integer(1), base::schema<PoolingStridesMapping>()); }

Padding Padding::from_json(const value& v, std::string_view where) {
  if (!v.is_object()) {
    const std::int64_t padding = at_least(0, v, "padding", where);
    return {{0, padding, padding}};
  }
  const auto m = base::decode<PaddingMapping>(v, where);
  return {{m.pad_d, m.pad_h, m.pad_w}};
}

value Padding::to_json() const { return base::encode(PaddingMapping{extent.d, extent.h, extent.w}); }

object Padding::schema() { return either(integer(0), base::schema<PaddingMapping>()); }

PoolingPadding PoolingPadding::from_json(const value& v, std::string_view where) {
  if (!v.is_object()) return {Padding::from_json(v, where).extent, 0};
  const auto m = base::decode<PoolingPaddingMapping>(v, where);
  return {{m.pad_d, m.pad_h, m.pad_w}, m.pad_c};
}

value PoolingPadding::to_json() const { return base::encode(PoolingPaddingMapping{c, extent.d, extent.h, extent.w}); }

object PoolingPadding::schema() { return either(integer(0), base::schema<PoolingPaddingMapping>()); }

Dilation Dilation::from_json(const value& v, std::string_view where) {
  if (!v.is_object()) {
    const std::int64_t dilation = at_least(1, v, "dilation", where);
    return {{1, dilation, dilation}};
  }
  const auto m = base::decode<DilationMapping>(v, where);
  return {{m.dil_d, m.dil_h, m.dil_w}};
}

value Dilation::to_json() const { return base::encode(DilationMapping{extent.d, extent.h, extent.w}); }

object Dilation::schema() { return either(integer(1), base::schema<DilationMapping>()); }

}  // namespace neon

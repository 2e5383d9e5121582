#include "neon/foreign_weights.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/fields.h"
#include "base/half.h"
#include "base/nearest.h"
#include "neon/finite.h"

namespace neon {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::size_t kMaximumHeaderBytes = 100'000'000;
constexpr std::size_t kMaximumTensors = 1'000'000;

[[noreturn]] void damaged(const std::string& why) {
  throw base::Error(base::Code::data_loss, "not a safetensors file: " + why);
}

/// Bytes of one number; 0 for kinds that the format does not know.
std::size_t bytes_of_number(std::string_view dtype) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 14> kinds{{{"F64", 8},
                                                                            {"F32", 4},
                                                                            {"F16", 2},
                                                                            {"BF16", 2},
                                                                            {"F8_E4M3", 1},
                                                                            {"F8_E5M2", 1},
                                                                            {"I64", 8},
                                                                            {"U64", 8},
                                                                            {"I32", 4},
                                                                            {"U32", 4},
                                                                            {"I16", 2},
                                                                            {"U16", 2},
                                                                            {"I8", 1},
                                                                            {"U8", 1}}};
  for (const auto& [word, bytes] : kinds)
    if (word == dtype) return bytes;
  return dtype == "BOOL" ? 1 : 0;
}

template <class Number, class Convert>
void convert(std::string_view bytes, std::span<float> out, Convert&& to_float) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Number number;
    std::memcpy(&number, bytes.data() + i * sizeof(Number), sizeof(Number));
    out[i] = to_float(number);
  }
}

/// Errors: invalid_argument for kinds that no weights come in.
std::vector<float> numbers_of(const ForeignTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor::element_count(tensor.shape)));
  if (tensor.dtype == "F32")
    convert<float>(tensor.bytes, values, [](float x) { return x; });
  else if (tensor.dtype == "F64")
    convert<double>(tensor.bytes, values, [](double x) { return static_cast<float>(x); });
  else if (tensor.dtype == "F16")
    convert<std::uint16_t>(tensor.bytes, values, base::float_of_half);
  else if (tensor.dtype == "BF16")
    convert<std::uint16_t>(tensor.bytes, values,
                           [](std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); });
  else
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("'{}' holds {}; weights come as F32, F64, F16 or BF16", tensor.name, tensor.dtype));
  return values;
}

/// A tensor on its way into a parameter.
struct Numbers {
  tensor::Shape shape;
  std::vector<float> values;
};

/// Extents in another order.
Numbers permuted(const Numbers& from, const std::vector<std::int64_t>& axes, const std::string& name) {
  std::vector<std::int64_t> sorted = axes, all(from.shape.size());
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), std::int64_t{0});
  if (sorted != all)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("axes [{}] are no order of the {} extents of '{}', which is {}",
                                  fmt::join(axes, ", "), from.shape.size(), name, tensor::text(from.shape)));
  std::vector<std::size_t> strides(from.shape.size(), 1);
  for (std::size_t i = from.shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * static_cast<std::size_t>(from.shape[i]);
  Numbers to;
  for (const std::int64_t axis : axes) to.shape.push_back(from.shape[static_cast<std::size_t>(axis)]);
  to.values.reserve(from.values.size());
  std::vector<std::int64_t> at(axes.size(), 0);
  for (std::size_t i = 0; i < from.values.size(); ++i) {
    std::size_t offset = 0;
    for (std::size_t a = 0; a < axes.size(); ++a)
      offset += static_cast<std::size_t>(at[a]) * strides[static_cast<std::size_t>(axes[a])];
    to.values.push_back(from.values[offset]);
    for (std::size_t a = axes.size(); a-- > 0;) {
      if (++at[a] < to.shape[a]) break;
      at[a] = 0;
    }
  }
  return to;
}

/// Some of the equal parts of the first extent.
Numbers picked(const Numbers& from, const ForeignSource& source) {
  if (from.shape.empty() || from.shape[0] % source.of != 0)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("'{}' {} has no {} equal parts", source.tensor, tensor::text(from.shape), source.of));
  const std::size_t each = from.values.size() / static_cast<std::size_t>(source.of);
  Numbers to{from.shape, {}};
  to.shape[0] = from.shape[0] / source.of * static_cast<std::int64_t>(source.parts->size());
  for (const std::int64_t part : *source.parts) {
    if (part < 0 || part >= source.of)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("part {} of '{}' is outside 0 to {}", part, source.tensor, source.of - 1));
    const auto begin = from.values.begin() + static_cast<std::ptrdiff_t>(each * static_cast<std::size_t>(part));
    to.values.insert(to.values.end(), begin, begin + static_cast<std::ptrdiff_t>(each));
  }
  return to;
}

tensor::Shape without_ones(const tensor::Shape& shape) {
  tensor::Shape result;
  for (const std::int64_t extent : shape)
    if (extent != 1) result.push_back(extent);
  return result;
}

/// Extents of 1 do not matter where one has more extents than the other.
bool same_order(const tensor::Shape& a, const tensor::Shape& b) {
  return a == b || (a.size() != b.size() && without_ones(a) == without_ones(b));
}

/// Whether `text` is `pattern` with some text without slashes for each *, which `stars` gets.
bool matches(std::string_view pattern, std::string_view text, std::vector<std::string>& stars) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  for (std::size_t length = 0; star + length <= text.size(); ++length) {
    if (length > 0 && text[star + length - 1] == '/') return false;
    stars.emplace_back(text.substr(star, length));
    if (matches(pattern.substr(star + 1), text.substr(star + length), stars)) return true;
    stars.pop_back();
  }
  return false;
}

std::string with_stars(std::string_view pattern, const std::vector<std::string>& stars) {
  std::string text;
  std::size_t star = 0;
  for (const char c : pattern) c == '*' && star < stars.size() ? text += stars[star++] : text += c;
  return text;
}

/// What PyTorch calls a parameter, the likeliest first.
std::vector<std::string> usual_names(const Node& node, const ParameterSpec& spec) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> words{{{"W", "weight"},
                                                                                {"weight_bias", "bias"},
                                                                                {"gamma", "weight"},
                                                                                {"beta", "bias"},
                                                                                {"gmean", "running_mean"},
                                                                                {"gvar", "running_var"}}};
  std::vector<std::string> names{node.name + "/" + spec.name, node.name + "." + spec.name};
  constexpr std::string_view kBias = "_bias";
  if (node.type == "Bias" && node.name.ends_with(kBias))
    names.push_back(node.name.substr(0, node.name.size() - kBias.size()) + ".bias");
  for (const auto& [ours, theirs] : words)
    if (spec.name == ours) names.push_back(fmt::format("{}.{}", node.name, theirs));
  return names;
}

class Importer {
 public:
  Importer(const std::vector<ForeignTensor>& tensors, const NameMap& map) : map_(map) {
    for (const ForeignTensor& tensor : tensors) tensors_[tensor.name] = &tensor;
    for (const NameMap::Entry& entry : map.names) unused_entries_.insert(&entry);
  }

  void add(const Node& node, const ParameterSpec& spec) {
    const std::string name = node.name + "/" + spec.name;
    try {
      parameters_.push_back({name, {spec.rows, spec.columns}, values_for(name, sources_of(node, spec), spec)});
    } catch (const base::Error& error) {
      faults_.push_back(error.message);
    }
  }

  std::vector<NamedTensor> finish() {
    for (const NameMap::Entry& entry : map_.names)
      if (unused_entries_.contains(&entry))
        faults_.push_back(fmt::format("the map names '{}', which is no parameter of the network", entry.parameter));
    for (const auto& [name, tensor] : tensors_)
      if (!used_.contains(name) && !is_ignored(name))
        faults_.push_back(fmt::format("tensor '{}' {} is not used; map it, or name it under ignore", name,
                                      tensor::text(tensor->shape)));
    if (!faults_.empty())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("{} parameters and tensors do not find each other: {}", faults_.size(),
                                    fmt::join(faults_, "; ")));
    return std::move(parameters_);
  }

 private:
  /// Tensors that count batches are no weights.
  bool is_ignored(std::string_view name) const {
    std::vector<std::string> stars;
    return name.ends_with(".num_batches_tracked") ||
           std::any_of(map_.ignore.begin(), map_.ignore.end(), [&](const std::string& pattern) {
             stars.clear();
             return matches(pattern, name, stars);
           });
  }

  std::vector<ForeignSource> sources_of(const Node& node, const ParameterSpec& spec) {
    const std::string name = node.name + "/" + spec.name;
    for (const NameMap::Entry& entry : map_.names) {
      std::vector<std::string> stars;
      if (!matches(entry.parameter, name, stars)) continue;
      unused_entries_.erase(&entry);
      std::vector<ForeignSource> sources = entry.sources;
      for (ForeignSource& source : sources) {
        source.tensor = with_stars(source.tensor, stars);
        if (source.plus) source.plus = with_stars(*source.plus, stars);
      }
      return sources;
    }
    const std::vector<std::string> usual = usual_names(node, spec);
    for (const std::string& word : usual)
      if (tensors_.contains(word)) return {{.tensor = word}};
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("no tensor for '{}' {}", name, tensor::text(spec.shape)));
  }

  Numbers numbers_named(const std::string& name, const std::string& parameter) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      std::vector<std::string_view> known;
      for (const auto& [word, tensor] : tensors_) known.push_back(word);
      const std::string near = base::nearest(name, known);
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("'{}' should come from tensor '{}', which the file does not have{}", parameter,
                                    name, near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
    }
    used_.insert(found->first);
    return {found->second->shape, numbers_of(*found->second)};
  }

  Numbers taken(const ForeignSource& source, const std::string& parameter) {
    Numbers numbers = numbers_named(source.tensor, parameter);
    if (source.plus) {
      const Numbers more = numbers_named(*source.plus, parameter);
      if (more.shape != numbers.shape)
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("'{}' {} and '{}' {} cannot be added", source.tensor, tensor::text(numbers.shape),
                                      *source.plus, tensor::text(more.shape)));
      for (std::size_t i = 0; i < more.values.size(); ++i) numbers.values[i] += more.values[i];
    }
    if (source.axes) numbers = permuted(numbers, *source.axes, source.tensor);
    if (source.parts) numbers = picked(numbers, source);
    return numbers;
  }

  /// In neon's order.
  std::vector<float> values_for(const std::string& name, const std::vector<ForeignSource>& sources,
                                const ParameterSpec& spec) {
    Numbers all;
    for (const ForeignSource& source : sources) {
      Numbers numbers = taken(source, name);
      if (sources.size() == 1 && !same_order(numbers.shape, spec.shape)) {
        const bool turned = tensor::Shape(numbers.shape.rbegin(), numbers.shape.rend()) == spec.shape;
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("'{}' is {}, but '{}' is {}{}", name, tensor::text(spec.shape), source.tensor,
                                      tensor::text(numbers.shape),
                                      turned && spec.shape.size() == 2 ? "; turn it with axes: [1, 0]" : ""));
      }
      all.values.insert(all.values.end(), numbers.values.begin(), numbers.values.end());
    }
    if (static_cast<std::int64_t>(all.values.size()) != tensor::element_count(spec.shape))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("'{}' {} needs {} numbers, but its tensors have {}", name, tensor::text(spec.shape),
                                    tensor::element_count(spec.shape), all.values.size()));
    if (!all_finite(all.values))
      throw base::Error(base::Code::invalid_argument, fmt::format("'{}' would get numbers that are not finite", name));
    if (!spec.transposed) return std::move(all.values);
    all.shape = {spec.columns, spec.rows};
    return permuted(all, {1, 0}, name).values;
  }

  const NameMap& map_;
  std::map<std::string, const ForeignTensor*, std::less<>> tensors_;
  std::set<std::string, std::less<>> used_;
  std::set<const NameMap::Entry*> unused_entries_;
  std::vector<NamedTensor> parameters_;
  std::vector<std::string> faults_;
};

}  // namespace

std::vector<ForeignTensor> parse_foreign_safetensors(std::string_view file) {
  std::uint64_t header_bytes = 0;
  if (file.size() < sizeof(header_bytes)) damaged("it has no header");
  std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
  file.remove_prefix(sizeof(header_bytes));
  if (header_bytes > kMaximumHeaderBytes || header_bytes > file.size())
    damaged(fmt::format("its header cannot have {} bytes", header_bytes));
  const std::string_view data = file.substr(header_bytes);
  std::vector<ForeignTensor> tensors;
  std::vector<std::uint64_t> begins;
  try {
    const auto header =
        base::decode<base::json::object>(base::parse_json(file.substr(0, header_bytes), "the header of the weights"));
    if (header.size() > kMaximumTensors) damaged("it lists too many tensors");
    for (const auto& entry : header) {
      if (entry.key() == "__metadata__") continue;
      const auto& fields = base::decode<base::json::object>(entry.value());
      ForeignTensor tensor{std::string(entry.key()),
                           base::decode<std::string>(fields.at("dtype")),
                           base::decode<tensor::Shape>(fields.at("shape")),
                           {}};
      const auto offsets = base::decode<std::array<std::uint64_t, 2>>(fields.at("data_offsets"));
      const std::size_t each = bytes_of_number(tensor.dtype);
      if (each == 0) damaged(fmt::format("tensor '{}' is of the unknown kind '{}'", tensor.name, tensor.dtype));
      if (offsets[0] > offsets[1] || offsets[1] > data.size() ||
          offsets[1] - offsets[0] != each * static_cast<std::uint64_t>(tensor::element_count(tensor.shape)))
        damaged(fmt::format("tensor '{}' does not lie in its place", tensor.name));
      tensor.bytes = data.substr(offsets[0], offsets[1] - offsets[0]);
      begins.push_back(offsets[0]);
      tensors.push_back(std::move(tensor));
    }
  } catch (const base::Error& error) {
    damaged(error.message);
  } catch (const std::out_of_range&) {
    damaged("a tensor has no dtype, shape or data_offsets");
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const ForeignTensor& a, const ForeignTensor& b) { return a.bytes.data() < b.bytes.data(); });
  std::uint64_t end = 0;
  for (const ForeignTensor& tensor : tensors) {
    if (tensor.bytes.data() != data.data() + end) damaged(fmt::format("tensor '{}' overlaps another", tensor.name));
    end += tensor.bytes.size();
  }
  if (end != data.size()) damaged("it has bytes that belong to no tensor");
  return tensors;
}

std::vector<NamedTensor> import_foreign(const Graph& graph, const std::vector<ForeignTensor>& tensors,
                                        const NameMap& map) {
  Importer importer(tensors, map);
  for (const Node& node : graph.nodes)
    for (const ParameterSpec& spec : node.parameters) importer.add(node, spec);
  return importer.finish();
}

}  // namespace neon

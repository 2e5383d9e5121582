#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <onnx.pb.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/half.h"
#include "base/version.h"
#include "neon/onnx.h"

namespace neon {
namespace {

namespace wire = onnx_file;

constexpr int kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kBool = 9, kHalf = 10,
              kDouble = 11;                  // TensorProto.DataType
constexpr int kSparseInitializerField = 15;  // of a graph
constexpr int kFloatAttribute = 1, kIntAttribute = 2, kStringAttribute = 3, kTensorAttribute = 4, kFloatsAttribute = 6,
              kIntsAttribute = 7, kStringsAttribute = 8;  // AttributeProto.AttributeType
static_assert(std::endian::native == std::endian::little, "ONNX keeps raw numbers with the lowest byte first");

template <class T>
std::string raw_bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

void write(const OnnxTensor& tensor, wire::Tensor& to) {
  to.set_name(tensor.name);
  to.mutable_dims()->Add(tensor.shape.begin(), tensor.shape.end());
  if (const auto* numbers = std::get_if<std::vector<float>>(&tensor.values)) {
    to.set_data_type(kFloat);
    to.set_raw_data(raw_bytes(*numbers));
  } else {
    to.set_data_type(kInt64);
    to.set_raw_data(raw_bytes(std::get<std::vector<std::int64_t>>(tensor.values)));
  }
}

struct AttributeWriter {
  wire::Attribute& to;
  void operator()(std::int64_t value) const { to.set_type(kIntAttribute), to.set_i(value); }
  void operator()(float value) const { to.set_type(kFloatAttribute), to.set_f(value); }
  void operator()(const std::string& value) const { to.set_type(kStringAttribute), to.set_s(value); }
  void operator()(const std::vector<std::int64_t>& value) const {
    to.set_type(kIntsAttribute);
    to.mutable_ints()->Add(value.begin(), value.end());
  }
  void operator()(const std::vector<float>& value) const {
    to.set_type(kFloatsAttribute);
    to.mutable_floats()->Add(value.begin(), value.end());
  }
  void operator()(const std::vector<std::string>& value) const {
    to.set_type(kStringsAttribute);
    for (const std::string& word : value) to.add_strings(word);
  }
  template <class Other>
  void operator()(const Other&) const {
    throw base::Error(base::Code::internal, fmt::format("attribute '{}' is of a kind that is not written", to.name()));
  }
};

void write(const OnnxNode& node, wire::Node& to) {
  to.set_op_type(node.op);
  to.set_name(node.name);
  for (const std::string& input : node.inputs) to.add_input(input);
  for (const std::string& output : node.outputs) to.add_output(output);
  for (const auto& [name, value] : node.attributes) {
    wire::Attribute& attribute = *to.add_attribute();
    attribute.set_name(name);
    std::visit(AttributeWriter{attribute}, value);
  }
}

void write(const OnnxValue& value, wire::Value& to) {
  to.set_name(value.name);
  wire::Value::Type::Tensor& type = *to.mutable_type()->mutable_tensor();
  type.set_element_type(value.whole ? kInt64 : kFloat);
  type.mutable_shape()->add_dim()->set_parameter("batch");
  for (const std::int64_t extent : value.sample_shape) type.mutable_shape()->add_dim()->set_value(extent);
}

}  // namespace

void write_onnx(const OnnxModel& model, const std::filesystem::path& path) {
  wire::Model to;
  to.set_ir_version(8);  // of ONNX 1.12, which brought the seventeenth operator set
  to.set_producer_name("neon");
  to.set_producer_version(base::kVersion);
  to.add_opset_import()->set_version(model.opset);
  wire::Graph& graph = *to.mutable_graph();
  graph.set_name("neon");
  for (const OnnxNode& node : model.nodes) write(node, *graph.add_node());
  for (const OnnxTensor& tensor : model.constants) write(tensor, *graph.add_initializer());
  for (const OnnxValue& value : model.inputs) write(value, *graph.add_input());
  for (const OnnxValue& value : model.outputs) write(value, *graph.add_output());
  for (const auto& [key, value] : model.metadata) {
    wire::Property& property = *to.add_metadata_props();
    property.set_key(key);
    property.set_value(value);
  }
  if (to.ByteSizeLong() > std::size_t{std::numeric_limits<std::int32_t>::max()})
    throw base::Error(base::Code::too_large,
                      fmt::format("'{}' would be over 2 GiB, which ONNX files may not be", path.string()));
  base::write_file_atomically(path, to.SerializeAsString());
}

// --- reading

namespace {

// What a network that layers can express has at most. A message of two bytes takes some hundred in memory, so what is
// not numbers is bounded.
constexpr std::size_t kMostNodes = 10'000, kMostConstants = 30'000, kMostValues = 30'000, kMostOthers = 1'000;
constexpr std::size_t kNodeBytes = 1 << 20;
constexpr int kMostOfNode = 1'000;

[[noreturn]] void refuse(const std::string& why) { throw base::Error(base::Code::invalid_argument, why); }

/// Calls visit(number, bytes) for each field of a message that holds bytes. So a file is read piece by piece: no more
/// than one piece of it exists twice.
template <class Visit>
void for_each_field(std::string_view message, const Visit& visit) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) refuse("a field is cut off");
      continue;
    }
    std::uint32_t length = 0;
    if (!in.ReadVarint32(&length)) refuse("a field is cut off");
    const auto at = static_cast<std::size_t>(in.CurrentPosition());
    if (length > message.size() - at) refuse("a field is longer than the file");
    visit(WireFormatLite::GetTagFieldNumber(tag), message.substr(at, length));
    in.Skip(static_cast<int>(length));
  }
  if (!in.ConsumedEntireMessage()) refuse("a field is cut off");
}

template <class Message>
Message parsed(std::string_view bytes, std::string_view what) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    refuse(fmt::format("a {} is damaged", what));
  return message;
}

/// Numbers of type T as numbers of type To. `list` is where they are when they are no raw bytes.
template <class T, class To, class List>
std::vector<To> numbers_of(const wire::Tensor& from, const List& list, std::size_t count) {
  const std::string& raw = from.raw_data();
  const std::size_t bytes = from.has_raw_data() ? raw.size() : static_cast<std::size_t>(list.size()) * sizeof(T);
  if (bytes != count * sizeof(T))
    refuse(fmt::format("tensor '{}' has {} bytes where its shape needs {}", from.name(), bytes, count * sizeof(T)));
  if (!from.has_raw_data()) return {list.begin(), list.end()};
  std::vector<T> values(count);
  std::memcpy(values.data(), raw.data(), raw.size());
  if constexpr (std::is_same_v<T, To>)
    return values;
  else
    return {values.begin(), values.end()};
}

std::vector<float> halves_of(const wire::Tensor& from, std::size_t count) {
  std::vector<float> values;
  for (const std::int32_t half : numbers_of<std::uint16_t, std::int32_t>(from, from.int32_data(), count))
    values.push_back(base::float_of_half(static_cast<std::uint16_t>(half)));
  return values;
}

OnnxTensor read(const wire::Tensor& from) {
  if (from.data_location() != 0)
    refuse(fmt::format("tensor '{}' keeps its numbers in another file; save the model as one file", from.name()));
  OnnxTensor tensor;
  tensor.name = from.name();
  tensor.shape.assign(from.dims().begin(), from.dims().end());
  // No number where an extent is 0: an empty list of axes, say.
  const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
  const auto count = empty ? 0 : static_cast<std::size_t>(tensor::element_count(tensor.shape));
  switch (from.data_type()) {
    case kFloat: tensor.values = numbers_of<float, float>(from, from.float_data(), count); break;
    case kDouble: tensor.values = numbers_of<double, float>(from, from.double_data(), count); break;
    case kHalf: tensor.values = halves_of(from, count); break;
    case kInt64: tensor.values = numbers_of<std::int64_t, std::int64_t>(from, from.int64_data(), count); break;
    case kInt32: tensor.values = numbers_of<std::int32_t, std::int64_t>(from, from.int32_data(), count); break;
    case kUint8:
    case kBool: tensor.values = numbers_of<std::uint8_t, std::int64_t>(from, from.int32_data(), count); break;
    case kInt8: tensor.values = numbers_of<std::int8_t, std::int64_t>(from, from.int32_data(), count); break;
    default:
      tensor.values =
          OnnxUnread{fmt::format("tensor '{}' has numbers of type {}, which are not read; convert the model to float",
                                 from.name(), from.data_type())};
  }
  return tensor;
}

OnnxAttribute read(const wire::Attribute& from) {
  switch (from.type()) {
    case kFloatAttribute: return from.f();
    case kIntAttribute: return from.i();
    case kStringAttribute: return from.s();
    case kIntsAttribute: return std::vector<std::int64_t>(from.ints().begin(), from.ints().end());
    case kFloatsAttribute: return std::vector<float>(from.floats().begin(), from.floats().end());
    case kStringsAttribute: return std::vector<std::string>(from.strings().begin(), from.strings().end());
    case kTensorAttribute: return read(from.t());
    default: return {};
  }
}

OnnxNode read(const wire::Node& from) {
  if (std::max({from.input_size(), from.output_size(), from.attribute_size()}) > kMostOfNode)
    refuse(fmt::format("operator '{}' has over {} inputs, outputs or attributes", from.op_type(), kMostOfNode));
  OnnxNode node{from.op_type(),
                from.name(),
                {from.input().begin(), from.input().end()},
                {from.output().begin(), from.output().end()},
                {}};
  if (!from.domain().empty() && from.domain() != "ai.onnx") node.op = from.domain() + "." + node.op;
  for (const wire::Attribute& attribute : from.attribute()) node.attributes[attribute.name()] = read(attribute);
  return node;
}

OnnxValue read(const wire::Value& from) {
  OnnxValue value{from.name(), {}};
  const int type = from.type().tensor().element_type();
  value.whole = type == kInt64 || type == kInt32;
  value.other = !value.whole && type != kFloat;
  for (const auto& dimension : from.type().tensor().shape().dim())
    value.sample_shape.push_back(dimension.has_value() ? dimension.value() : -1);
  if (value.sample_shape.empty()) return value;
  value.batch = value.sample_shape[0];
  value.sample_shape.erase(value.sample_shape.begin());
  return value;
}

template <class List>
auto& one_more(List& list, std::size_t most, std::string_view what) {
  if (list.size() == most) refuse(fmt::format("it has over {} {}", most, what));
  return list.emplace_back();
}

void read_graph(std::string_view bytes, OnnxModel& model) {
  std::vector<wire::Value> inputs;
  for_each_field(bytes, [&](int field, std::string_view piece) {
    switch (field) {
      case wire::Graph::kNodeFieldNumber:
        if (piece.size() > kNodeBytes) refuse("an operator is over 1 MiB; keep large tensors as initializers");
        one_more(model.nodes, kMostNodes, "operators") = read(parsed<wire::Node>(piece, "node"));
        break;
      case wire::Graph::kInitializerFieldNumber:
        one_more(model.constants, kMostConstants, "tensors") = read(parsed<wire::Tensor>(piece, "tensor"));
        break;
      case wire::Graph::kInputFieldNumber:
        if (piece.size() > kNodeBytes) refuse("the shape of an input is over 1 MiB");
        one_more(inputs, kMostValues, "inputs") = parsed<wire::Value>(piece, "input");
        break;
      case wire::Graph::kOutputFieldNumber:
        if (piece.size() > kNodeBytes) refuse("the shape of an output is over 1 MiB");
        one_more(model.outputs, kMostOthers, "outputs") = read(parsed<wire::Value>(piece, "output"));
        break;
      case kSparseInitializerField: refuse("it has sparse tensors; save the model with dense ones");
      default: break;
    }
  });
  // Older files count what they hold among the inputs.
  std::set<std::string_view> constants;
  for (const OnnxTensor& tensor : model.constants) constants.insert(tensor.name);
  for (const wire::Value& input : inputs)
    if (!constants.contains(input.name())) one_more(model.inputs, kMostOthers, "inputs") = read(input);
}

OnnxModel read_model_message(std::string_view bytes) {
  OnnxModel model;
  model.opset = 0;
  std::size_t others = 0;
  for_each_field(bytes, [&](int field, std::string_view piece) {
    if (field == wire::Model::kGraphFieldNumber) {
      if (!model.nodes.empty()) refuse("it has two graphs");
      return read_graph(piece, model);
    }
    if (++others > kMostOthers) refuse(fmt::format("it has over {} properties", kMostOthers));
    if (field == wire::Model::kOpsetImportFieldNumber) {
      const auto set = parsed<wire::OperatorSet>(piece, "operator set");
      if (set.domain().empty() || set.domain() == "ai.onnx") model.opset = set.version();
    } else if (field == wire::Model::kMetadataPropsFieldNumber) {
      const auto property = parsed<wire::Property>(piece, "property");
      model.metadata[property.key()] = property.value();
    }
  });
  if (model.nodes.empty()) refuse("it has no operators");
  if (model.opset < 7) refuse(fmt::format("its operators are of version {}; those from 7 on are read", model.opset));
  return model;
}

}  // namespace

OnnxModel parse_onnx(std::string_view bytes, std::string_view name_in_errors) {
  try {
    if (bytes.size() > std::size_t{std::numeric_limits<std::int32_t>::max()}) refuse("it is over 2 GiB");
    return read_model_message(bytes);
  } catch (const base::Error& error) {
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("'{}' cannot be read as an ONNX file: {}", name_in_errors, error.message));
  }
}

OnnxModel read_onnx(const std::filesystem::path& path) {
  const base::MappedFile file(path);
  return parse_onnx(file.bytes(), path.string());
}

}  // namespace neon

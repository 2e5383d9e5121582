#include "neon/plan.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <new>

#include "base/error.h"
#include "tensor/operations.h"

// A sanitizer brings its own operator new, which must stay for its reports to be right; nothing is counted then.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NCLOUD_COUNTS_ALLOCATIONS
#endif

#ifdef NCLOUD_COUNTS_ALLOCATIONS
// Counts allocations of this program while a test watches, leaving out the vendor's own bookkeeping. Not inlined, so
// that the compiler sees new paired with delete and not with free.
namespace {
std::atomic<bool> watching = false;
std::atomic<std::int64_t> allocations = 0;
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  if (watching && !tensor::inside_vendor_call()) ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace neon {
namespace {

using ::testing::HasSubstr;

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), "/layers/7"); }

ModelSpec convnet() {
  ModelSpec spec;
  spec.layers = {
      part(
          R"({"type": "Conv", "config": {"fshape": [3, 3, 16], "init": "GlorotUniform", "batch_norm": true, "activation": "Rectlin"}})"),
      part(R"({"type": "Pooling", "config": {"fshape": 2}})"),
      part(
          R"({"type": "Conv", "config": {"fshape": [3, 3, 24], "init": "GlorotUniform", "bias": "Constant", "activation": "Rectlin"}})"),
      part(R"({"type": "Dropout", "config": {}})"),
      part(
          R"({"type": "Affine", "config": {"nout": 32, "init": "GlorotUniform", "batch_norm": true, "activation": "Tanh"}})"),
      part(R"({"type": "Affine", "config": {"nout": 10, "init": "GlorotUniform", "activation": "Softmax"}})")};
  return spec;
}

PlanOptions training(std::int64_t batch_size, std::string_view optimizer = R"("Adam")") {
  PlanOptions options;
  options.batch_size = batch_size;
  options.threads = 2;
  options.costs = {{Shelf<Cost>::instance().make(part(R"("CrossEntropyMulti")"))}};
  options.optimizer = Shelf<Optimizer>::instance().make(part(optimizer));
  return options;
}

struct Data {
  explicit Data(std::int64_t n, const tensor::Shape& sample)
      : input(static_cast<std::size_t>(n * tensor::element_count(sample)), 0.5f),
        labels(static_cast<std::size_t>(n), 1) {
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i * 7919 % 1000) / 1000;
    batch.inputs = {{tensor::Dtype::f32, {n}, input.data()}};
    batch.input().shape.insert(batch.input().shape.end(), sample.begin(), sample.end());
    batch.targets = {{tensor::Dtype::i32, {n}, labels.data()}};
    batch.count = n;
  }
  std::vector<float> input;
  std::vector<std::int32_t> labels;
  tensor::Batch batch;
};

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::invalid_argument);
    return error.message;
  }
  return "no error";
}

#ifdef NCLOUD_COUNTS_ALLOCATIONS
TEST(Plan, StepsAllocateNothing) {
  for (
      const std::string_view optimizer :
      {R"("Adam")",
       R"({"type": "GradientDescentMomentum", "config": {"learning_rate": 0.1, "momentum_coef": 0.9, "gradient_clip_norm": 1}})"}) {
    const auto plan = compile(build_graph(convnet(), {3, 16, 16}), training(32, optimizer));
    Data data(32, {3, 16, 16});
    TrainingStep which;
    plan->train_step(data.batch, which);  // libgomp makes its threads on first use
    plan->infer(data.batch.input());
    allocations = 0;
    watching = true;
    for (int i = 0; i < 3; ++i) plan->train_step(data.batch, which);
    plan->infer(data.batch.input());
    watching = false;
    EXPECT_EQ(allocations, 0) << optimizer;
  }
}
#endif

TEST(Plan, BuffersShareTheirPlaces) {
  const auto plan = compile(build_graph(convnet(), {3, 32, 32}), training(64));
  EXPECT_LT(plan->memory_bytes(), plan->unshared_bytes() * 6 / 10);
}

TEST(Plan, SmallNetworksRunOnOneThread) {
  ModelSpec spec;
  spec.layers = {
      part(R"({"type": "Affine", "config": {"nout": 10, "init": "GlorotUniform", "activation": "Softmax"}})")};
  EXPECT_EQ(compile(build_graph(spec, {20}), training(16))->threads(), 1);
}

TEST(Plan, BytesAndNumbersGiveTheSameOutputs) {
  PlanOptions options;
  options.batch_size = 4;
  const Graph graph = build_graph(convnet(), {3, 16, 16});
  const auto numbers = compile(graph, options);
  options.inputs = {{"", {3, 16, 16}, tensor::Dtype::u8}};
  const auto bytes = compile(graph, options);
  std::vector<std::uint8_t> u8(4 * 3 * 16 * 16);
  for (std::size_t i = 0; i < u8.size(); ++i) u8[i] = static_cast<std::uint8_t>(i * 31 % 256);
  std::vector<float> f32(u8.begin(), u8.end());
  const auto a = numbers->infer({tensor::Dtype::f32, {4, 3, 16, 16}, f32.data()});
  const auto b = bytes->infer({tensor::Dtype::u8, {4, 3, 16, 16}, u8.data()});
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_FLOAT_EQ(a[i], b[i]);
}

TEST(Plan, ParametersSurviveExportAndImport) {
  const Graph graph = build_graph(convnet(), {3, 16, 16});
  const auto plan = compile(graph, training(8));
  const auto exported = plan->export_parameters();
  EXPECT_EQ(exported[0].name, "Convolution_0/W");
  EXPECT_EQ(exported[0].shape, (tensor::Shape{27, 16}));  // neon's (c·r·s, k)
  PlanOptions other = training(3);
  other.seed = 77;
  const auto copy = compile(graph, other);
  EXPECT_NE(copy->export_parameters()[0].values, exported[0].values);
  copy->import_parameters(exported);
  const auto again = copy->export_parameters();
  for (std::size_t i = 0; i < exported.size(); ++i) EXPECT_EQ(again[i].values, exported[i].values) << exported[i].name;
}

TEST(Plan, ErrorsNameTheNumbers) {
  const auto plan = compile(build_graph(convnet(), {3, 16, 16}), training(4));
  Data data(4, {3, 16, 16});
  data.labels[2] = 10;
  EXPECT_THAT(message_of([&] { plan->train_step(data.batch, {}); }),
              HasSubstr("class index 10 in the data is outside 0 to 9"));
  Data wrong(4, {3, 16, 15});
  EXPECT_THAT(message_of([&] { plan->train_step(wrong.batch, {}); }),
              HasSubstr("takes batches of 4 (3, 16, 16) of f32, got (4, 3, 16, 15)"));
  auto tensors = plan->export_parameters();
  tensors[0].shape = {16, 27};
  EXPECT_THAT(message_of([&] { plan->import_parameters(tensors); }),
              HasSubstr("'Convolution_0/W' should be (27, 16), got (16, 27)"));
}

std::string step_names(const Plan& plan) {
  std::string names;
  for (const StepNote& step : plan.notes(true)) names += step.name + "\n";
  return names;
}

TEST(Plan, FrozenLayersKeepTheirWeightsAndTheWalkBackEndsThere) {
  const Graph graph = build_graph(convnet(), {3, 16, 16});
  const auto all = compile(graph, training(8));
  const auto some = compile(graph, training(8, R"({"type": "MultiOptimizer", "config": {"optimizer_mapping": {
      "default": "Adam", "Convolution": "Frozen", "Bias": "Frozen", "BatchNorm": "Frozen"}}})"));
  some->import_parameters(all->export_parameters());
  const auto before = some->export_parameters();
  Data data(8, {3, 16, 16});
  all->train_step(data.batch, {});
  some->train_step(data.batch, {});
  for (const NamedTensor& tensor : some->export_gradients())
    EXPECT_THAT(tensor.name, ::testing::StartsWith("Linear_")) << "a gradient of what is frozen";
  const auto after = some->export_parameters();
  for (std::size_t i = 0; i < after.size(); ++i) {
    const bool learns = after[i].name == "Linear_0/W" || after[i].name == "Linear_1/W";
    EXPECT_EQ(after[i].values != before[i].values, learns) << after[i].name;
  }
  EXPECT_EQ(some->export_optimizer_states().size(), 4u);
  EXPECT_THAT(step_names(*all), HasSubstr("Convolution_1 backward weights"));
  EXPECT_THAT(step_names(*some), ::testing::Not(HasSubstr("Convolution_1 backward")));
}

/// A plan for one Affine with a masked cost, and the batch that it is run on: inputs, targets and a mask of some size.
struct MaskedStep {
  MaskedStep(const std::string& layer, const tensor::Shape& in, std::string_view cost, std::int64_t mask_each)
      : graph(graph_of(layer, in)), masked(compile(graph, options(cost))) {
    const std::int64_t out = graph.out_count();
    fill(input, kRows * tensor::element_count(in));
    fill(target, kRows * out);
    for (std::int64_t i = 0; i < kRows * mask_each; ++i) mask.push_back(i % 3 == 0 ? 0.0f : 1.0f);
    batch.inputs = {{tensor::Dtype::f32, tensor::with_rows(kRows, in), input.data()}};
    batch.targets = {{tensor::Dtype::f32, {kRows, out}, target.data()},
                     {tensor::Dtype::f32, {kRows, mask_each}, mask.data()}};
    batch.count = kRows;
  }
  static Graph graph_of(const std::string& layer, const tensor::Shape& in) {
    ModelSpec spec;
    spec.layers = {part(layer)};
    return build_graph(spec, in);
  }
  PlanOptions options(std::string_view cost) const {
    PlanOptions options;
    options.batch_size = kRows;
    options.input_gradient = true;
    options.costs = cost_terms(part(cost), graph);
    options.targets = {{"", graph.out_shape()}, {"mask", {}}};
    return options;
  }
  static void fill(std::vector<float>& values, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>((i * 37 + 11) % 19) / 10 - 0.9f);
  }

  static constexpr std::int64_t kRows = 4;
  Graph graph;
  std::unique_ptr<Plan> masked;
  std::vector<float> input, target, mask;
  tensor::Batch batch;
};

constexpr const char* kLinear = R"({"type": "Affine", "config": {"nout": 5, "init": "GlorotUniform"}})";

TEST(GeneralizedCostMask, IsTheCostOfTargetsThatAreMetWhereTheMaskIsZero) {
  MaskedStep step(kLinear, {6},
                  R"({"type": "GeneralizedCostMask", "config": {"costfunc": "SumSquared", "weights": 2}})", 5);
  const auto plain = compile(step.graph, step.options(R"("SumSquared")"));
  plain->import_parameters(step.masked->export_parameters());
  const double cost = step.masked->train_step(step.batch, {});
  const auto got = step.masked->export_input_gradient();
  EXPECT_NEAR(step.masked->compare(step.batch).cost, cost, 1e-6);

  const auto outputs = plain->infer(step.batch.inputs);
  for (std::size_t i = 0; i < step.target.size(); ++i)
    if (step.mask[i] == 0) step.target[i] = outputs[i];
  step.batch.targets.pop_back();
  EXPECT_NEAR(cost, 2 * plain->train_step(step.batch, {}), 1e-5);
  const auto expected = plain->export_input_gradient();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], 2 * expected[i], 1e-5);
}

TEST(GeneralizedCostMask, TakesANumberForEachStepOfASequence) {
  MaskedStep step(R"({"type": "Affine", "config": {"nout": 5, "init": "GlorotUniform", "activation": "Softmax"}})",
                  {6, 7}, R"({"type": "GeneralizedCostMask", "config": {"costfunc": "CrossEntropyMulti"}})", 7);
  const double cost = step.masked->train_step(step.batch, {});
  const auto gradient = step.masked->export_input_gradient();
  EXPECT_NEAR(step.masked->compare(step.batch).cost, cost, 1e-5 * std::abs(cost));
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const std::size_t example = i / 42, t = i % 7;
    EXPECT_EQ(gradient[i] == 0, step.mask[example * 7 + t] == 0) << "example " << example << ", step " << t;
  }
}

TEST(GeneralizedCostMask, RefusesAMaskThatDoesNotFit) {
  MaskedStep step(kLinear, {6}, R"({"type": "GeneralizedCostMask", "config": {"costfunc": "SumSquared"}})", 3);
  EXPECT_THAT(message_of([&] { step.masked->train_step(step.batch, {}); }),
              HasSubstr("a mask has 5 or 1 numbers or one for each of 4 records, got (4, 3)"));
  step.batch.targets.pop_back();
  EXPECT_THAT(message_of([&] { step.masked->train_step(step.batch, {}); }),
              HasSubstr("the cost of output 0 needs a mask after its target, but the batch brings 1 targets"));
}

TEST(Plan, NamesTheLayerWhoseInitializerRefuses) {
  ModelSpec spec;
  spec.layers = {
      part(R"({"type": "Linear", "config": {"nout": 2, "init": {"type": "Array", "config": {"val": [1, 2, 3]}}}})")};
  const Graph graph = build_graph(spec, {2});
  EXPECT_EQ(message_of([&] { compile(graph, {}); }),
            "layer 'Linear_0': W: the initializer Array has 3 numbers, but the parameter has 2 rows of 2");
}

TEST(Graph, NamesLayersAsNeonDoes) {
  ModelSpec spec = convnet();
  spec.layers.push_back(part(R"({"type": "Activation", "config": {"transform": "Identity"}})"));
  std::vector<std::string> names;
  for (const Node& node : build_graph(spec, {3, 16, 16}).nodes) names.push_back(node.name);
  EXPECT_THAT(names, ::testing::ElementsAre("Convolution_0", "Convolution_0_bnorm", "Convolution_0_Rectlin",
                                            "Pooling_0", "Convolution_1", "Convolution_1_bias", "Convolution_1_Rectlin",
                                            "Dropout_0", "Linear_0", "Linear_0_bnorm", "Linear_0_Tanh", "Linear_1",
                                            "Linear_1_Softmax", "Activation_4"));
}

TEST(Graph, ErrorsNameLayerPlaceAndNumbers) {
  const auto error_of = [](std::vector<Part> layers, tensor::Shape in, std::int64_t class_count = 0) {
    ModelSpec spec;
    spec.layers = std::move(layers);
    try {
      build_graph(spec, in, class_count);
    } catch (const base::Error& error) {
      EXPECT_THAT(error.where, ::testing::StartsWith("/layers"));
      return error.message;
    }
    return std::string("no error");
  };
  EXPECT_EQ(
      error_of({part(R"({"type": "Conv", "config": {"name": "conv2", "fshape": [5, 5, 4], "init": "Gaussian"}})")},
               {16, 3, 3}),
      "layer 'conv2': a 5x5 window with padding 0 does not fit into an input of 3x3 (c 16)");
  const std::string conv = R"({"type": "Conv", "config": {"fshape": [3, 3, 4], "init": "Gaussian", )";
  EXPECT_THAT(error_of({part(conv + R"("dilation": 5}})")}, {1, 9, 9}),
              HasSubstr("a 3x3 window with padding 0 and dilation 5 does not fit"));
  for (const std::string what : {"padding", "strides", "dilation"})
    EXPECT_THAT(error_of({part(conv + "\"" + what + "\": 9223372036854775807}}")}, {1, 9, 9}),
                HasSubstr("strides, padding and dilation go up to 65535, got 9223372036854775807"));
  EXPECT_THAT(
      error_of(
          {part(
              R"({"type": "Conv", "config": {"fshape": [9223372036854775807, 3, 4], "init": "Gaussian", "dilation": 2}})")},
          {1, 9, 9}),
      HasSubstr("does not fit into an input of 9x9"));
  EXPECT_THAT(error_of({part(R"({"type": "Pooling", "config": {"fshape": 2}})")}, {100}),
              HasSubstr("layer 'Pooling_0': pooling needs an input of (c, h, w) or (c, d, h, w), got (100)"));
  EXPECT_THAT(error_of({part(R"({"type": "Pooling", "config": {"fshape": 2, "padding": 2}})")}, {1, 8, 8}),
              HasSubstr("padding 2x2 must be smaller than the pooling window 2x2"));
  EXPECT_THAT(
      error_of(
          {part(
              R"({"type": "Affine", "config": {"nout": 3, "init": "Gaussian", "bias": "Constant", "batch_norm": true}})")},
          {4}),
      HasSubstr("bias and batch_norm exclude each other"));
  EXPECT_THAT(error_of({part(R"({"type": "Linear", "config": {"nout": -3, "init": "Gaussian"}})")}, {4}),
              HasSubstr("nout must be positive, got -3"));
  EXPECT_THAT(
      error_of(
          {part(
              R"({"type": "Linear", "config": {"nout": 1, "init": {"type": "Array", "config": {"val": [[1, 1e300]]}}}})")},
          {2}),
      HasSubstr("val/0/1 must be a number that f32 can hold"));
  EXPECT_THAT(error_of({part(R"({"type": "Reshape", "config": {"reshape": [5, -1]}})")}, {3, 4, 4}),
              HasSubstr("inputs of (3, 4, 4) are 48 numbers, which do not fit into (5, -1)"));
  EXPECT_THAT(error_of({part(R"({"type": "Reshape", "config": {"reshape": [0, 0]}})")}, {4}),
              HasSubstr("extent 1 of reshape is 0, that of the input, but inputs are (4)"));
  EXPECT_THAT(error_of({part(R"({"type": "Afine", "config": {}})")}, {4}), HasSubstr("did you mean 'Affine'?"));
  EXPECT_THAT(error_of({part(R"({"type": "Dropout", "config": {"name": "a"}})"),
                        part(R"({"type": "Dropout", "config": {"name": "a"}})")},
                       {4}),
              HasSubstr("two layers are named 'a'"));
  EXPECT_THAT(error_of({part(R"({"type": "Linear", "config": {"nout": 10, "init": "Gaussian"}})")}, {4}, 12),
              HasSubstr("the last layer 'Linear_0' gives 10 outputs, but the data has 12 classes"));
}

TEST(Graph, DescribesItselfForPeople) {
  const std::string text = description(build_graph(convnet(), {3, 16, 16}));
  EXPECT_THAT(text, HasSubstr("Convolution_0          Convolution  (16, 14, 14)               432"));
  EXPECT_THAT(text, HasSubstr("parameters"));
}

TEST(Plan, APredictionLeavesTheInputsGradientAsItIs) {
  ModelSpec spec;
  spec.layers = {Part{"Linear", {{"nout", 4}, {"init", "GlorotUniform"}}, ""}};
  const Graph graph = build_graph(spec, {9});
  PlanOptions options;
  options.batch_size = 8;
  options.input_gradient = true;
  options.targets = {{"", {4}}};
  options.costs = {{Shelf<Cost>::instance().make({"SumSquared", {}, ""})}};
  const auto plan = compile(graph, options);
  std::vector<float> numbers(8 * 9, 0.5f), targets(8 * 4, 1.0f);
  tensor::Batch batch;
  batch.count = 8;
  batch.inputs = {{tensor::Dtype::f32, {8, 9}, numbers.data()}};
  batch.targets = {{tensor::Dtype::f32, {8, 4}, targets.data()}};
  plan->train_step(batch, {});
  const std::vector<float> gradient = plan->export_input_gradient();
  EXPECT_NE(gradient, std::vector<float>(8 * 9));
  plan->infer(batch.inputs);
  EXPECT_EQ(plan->export_input_gradient(), gradient);
}

}  // namespace
}  // namespace neon

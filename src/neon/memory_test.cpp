#include "neon/memory.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace neon {
namespace {

using ::testing::HasSubstr;

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

PlanOptions training(std::int64_t batch_size, std::string_view optimizer) {
  PlanOptions options;
  options.batch_size = batch_size;
  options.threads = 1;
  options.costs = {{Shelf<Cost>::instance().make(part(R"("CrossEntropyMulti")"))}};
  options.optimizer = Shelf<Optimizer>::instance().make(part(optimizer));
  return options;
}

Part conv(int maps) {
  return part(fmt::format(
      R"({{"type":"Conv","config":{{"fshape":[3,3,{}],"padding":1,"init":"Kaiming","batch_norm":true,"activation":"Rectlin"}}}})",
      maps));
}
Part affine(std::int64_t nout, std::string_view activation) {
  return part(fmt::format(R"({{"type":"Affine","config":{{"nout":{},"init":"Kaiming","activation":"{}"}}}})", nout,
                          activation));
}

Graph convnet() {
  ModelSpec spec;
  spec.layers = {conv(32),
                 conv(32),
                 part(R"({"type":"Pooling","config":{"fshape":2}})"),
                 conv(64),
                 part(R"({"type":"Pooling","config":{"fshape":2}})"),
                 affine(256, "Rectlin"),
                 affine(10, "Softmax")};
  return build_graph(spec, {3, 32, 32});
}

Graph mlp(std::int64_t nout) {
  ModelSpec spec;
  spec.layers = {affine(nout, "Rectlin"), affine(10, "Softmax")};
  return build_graph(spec, {784});
}

Graph recurrent(std::string_view type) {
  ModelSpec spec;
  const std::string layer = fmt::format(
      R"({{"type":"{}","config":{{"output_size":96,"init":"Kaiming","activation":"Tanh","gate_activation":"Logistic"}}}})",
      type);
  spec.layers = {part(layer), part(layer), part(R"("RecurrentLast")"), affine(10, "Softmax")};
  return build_graph(spec, {64, 40});
}

TEST(MemoryOf, KnowsWhatRecurrentLayersKeep) {
  for (const char* type : {"LSTM", "GRU", "BiLSTM"}) {
    const PlanOptions options = training(64, R"("Adam")");
    const double taken = static_cast<double>(compile(recurrent(type), options)->memory_bytes());
    const MemoryNeeds needs = memory_of(recurrent(type), options);
    EXPECT_GT(needs.plan_bytes, 0.6 * taken) << type << ": " << needs.text;
    EXPECT_LT(needs.plan_bytes, 1.2 * taken) << type << ": " << needs.text;
  }
}

TEST(MemoryOf, IsCloseToWhatACompiledPlanTakes) {
  for (const char* optimizer : {R"("Adam")", R"("RMSProp")"})
    for (const std::int64_t batch : {8, 128}) {
      for (const Graph& graph : {convnet(), mlp(512)}) {
        const PlanOptions options = training(batch, optimizer);
        const double taken = static_cast<double>(compile(graph, options)->memory_bytes());
        const MemoryNeeds needs = memory_of(graph, options);
        EXPECT_GT(needs.plan_bytes, 0.75 * taken) << needs.text;
        EXPECT_LT(needs.plan_bytes, 1.1 * taken) << needs.text;
      }
      PlanOptions predicting;
      predicting.batch_size = batch;
      EXPECT_LT(memory_of(convnet(), predicting).plan_bytes,
                memory_of(convnet(), training(batch, optimizer)).plan_bytes);
    }
}

TEST(MemoryOf, KnowsWhatCostsOfSequencesTake) {
  ModelSpec spec;
  spec.layers = {part(R"("SequenceLengths")"), affine(4000, "Softmax")};
  const Graph graph = build_graph(spec, std::vector<TensorSpec>{{{8, 30}}, {{}, tensor::Dtype::i32}});
  for (const char* cost : {R"("CTC")", R"("CrossEntropyMulti")"}) {
    PlanOptions options = training(16, R"("Adam")");
    options.costs = {{Shelf<Cost>::instance().make(part(cost))}};
    options.targets = {{"", {30}, tensor::Dtype::i32}};
    const double taken = static_cast<double>(compile(graph, options)->memory_bytes());
    const MemoryNeeds needs = memory_of(graph, options);
    EXPECT_GT(needs.plan_bytes, 0.5 * taken) << cost << ": " << needs.text;
    EXPECT_LT(needs.plan_bytes, 1.3 * taken) << cost << ": " << needs.text;
  }
}

TEST(MemoryOf, CountsWeightsOnceMoreForACheckpoint) {
  const MemoryNeeds needs = memory_of(mlp(512), training(8, R"("Adam")"));
  EXPECT_EQ(needs.checkpoint_bytes, 3.0 * 4 * (784 * 512 + 512 * 10));
}

TEST(MemoryOf, SaysGiBAndWhereAndNeverOverflows) {
  const Graph huge = mlp(10'000'000);
  EXPECT_THAT(memory_of(huge, training(128, R"("Adam")")).text,
              HasSubstr("GiB of it for layer 'Linear_0' with inputs (784) and outputs (10000000)"));
  try {
    compile(huge, training(1 << 20, R"("Adam")"));
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message, HasSubstr("iB"));
    EXPECT_THAT(error.message, HasSubstr("'Linear_0'"));
  }
}

}  // namespace
}  // namespace neon

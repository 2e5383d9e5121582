// What sequences with lengths promise beyond the formulas, which the conformance test checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "neon/graph_builder.h"
#include "neon/layers/attention.h"
#include "neon/testing/reference_network.h"

namespace neon {
namespace {

using ::testing::HasSubstr;

Part part(std::string_view json) { return Part::from_json(base::parse_json(json, "test"), ""); }

Graph graph_of(const std::vector<std::string_view>& layers, const std::vector<TensorSpec>& in) {
  ModelSpec spec;
  for (const std::string_view layer : layers) spec.layers.push_back(part(layer));
  return build_graph(spec, in);
}

std::string refusal_of(const std::vector<std::string_view>& layers, const std::vector<TensorSpec>& in) {
  try {
    graph_of(layers, in);
    return "accepted";
  } catch (const base::Error& error) {
    return error.message;
  }
}

constexpr std::string_view kLengths = R"({"type": "SequenceLengths"})";
constexpr std::string_view kLast = R"({"type": "RecurrentLast"})";
constexpr std::string_view kBiLstm =
    R"({"type": "BiLSTM", "config": {"output_size": 2, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"}})";
constexpr std::string_view kPerStep =
    R"({"type": "Affine", "config": {"nout": 3, "init": "GlorotUniform", "activation": "Softmax"}})";
const TensorSpec kLength{{}, tensor::Dtype::i32};

// A bidirectional torch.nn.LSTM in double on a pack_padded_sequence of lengths 4, 2 and 3, padded to 4 again: its
// outputs, and the gradients of Σ output·error. PyTorch 2.15; the gates in neon's order.
const std::vector<float> kX{0.89f,  0.15f, -2.06f, -0.98f, -1.55f, 1.52f,  1.27f,  -0.9f,
                            -1.31f, 0.85f, 2.54f,  -0.05f, -1.02f, -0.11f, 0.53f,  0.18f,
                            0.58f,  0.23f, -0.33f, 0.58f,  -0.56f, -0.05f, -1.04f, -0.53f};
const std::vector<float> kW{
    1.25f,  -0.98f, -0.91f, -0.67f, -0.46f, -0.01f, 0.2f,   0.14f,  0.5f,   -0.24f, 0.45f,  0.22f,  -0.6f,  0.57f,
    -0.42f, 0.01f,  -1.22f, -0.3f,  -0.58f, 0.59f,  -0.67f, 0.38f,  0.22f,  0.17f,  0.62f,  0.53f,  -0.35f, -0.03f,
    0.11f,  0.43f,  -0.52f, -0.89f, 0.38f,  0.19f,  -0.47f, 0.31f,  0.82f,  0.62f,  0.54f,  -0.57f, -0.9f,  -0.46f,
    -0.38f, 0.34f,  0.03f,  -0.02f, -0.05f, -0.04f, -0.03f, -0.1f,  -0.75f, -0.48f, -0.36f, 0.38f,  0.17f,  0.33f,
    0.05f,  0.42f,  -0.25f, -0.4f,  0.69f,  0.65f,  0.52f,  -0.54f, -0.3f,  0.62f,  0.1f,   -0.6f,  -0.19f, -0.71f,
    -0.03f, 0.23f,  0.32f,  0.01f,  0.46f,  -0.32f, -0.18f, 0.01f,  0.2f,   -0.34f};
const std::vector<float> kErrors{-0.34f, 1.12f,  0.03f,  -0.63f, -0.5f,  0.27f, 1.29f, -0.79f, -0.75f, -0.52f,
                                 -0.23f, -0.51f, -0.99f, 0.97f,  2.93f,  1.57f, -0.4f, 0.46f,  -1.23f, 0.85f,
                                 -0.52f, -1.56f, 0.84f,  -0.15f, -0.12f, 0.06f, 1.46f, 0.96f,  -0.7f,  1.0f,
                                 1.46f,  1.53f,  -0.74f, -0.45f, -2.36f, 0.79f, 0.6f,  1.04f,  -0.78f, 0.16f,
                                 -0.81f, 0.64f,  -1.25f, -1.31f, -1.69f, 0.44f, 0.4f,  0.82f};
const std::vector<float> kH{-0.438569f, -0.115271f,   -0.0307861f, -0.0339741f, -0.0377749f, 0.0204781f,    0.127915f,
                            0.128033f,  -0.00702994f, 0.294854f,   0.0919891f,  -0.0529727f, -0.0775307f,   -0.321009f,
                            -0.180772f, 0.217132f,    0.0172146f,  -0.190763f,  0.0f,        0.0f,          0.0957722f,
                            0.0676876f, 0.0f,         0.0f,        -0.0492268f, 0.0461703f,  0.0f,          0.0f,
                            0.241266f,  -0.0920274f,  0.0f,        0.0f,        -0.229749f,  -0.153788f,    -0.186197f,
                            0.0f,       -0.00425717f, 0.0321585f,  0.0822079f,  0.0f,        -0.000149458f, 0.00306111f,
                            -0.056622f, 0.0f,         -0.0387176f, -0.0494886f, 0.134432f,   0.0f};
const std::vector<float> kDx{0.081642f,    0.0830836f,  -0.45104f,  -0.290771f, -0.0468362f, -0.0727101f,
                             -1.14169f,    -0.272384f,  0.166092f,  -0.050544f, 0.0f,        0.0f,
                             -0.00571072f, -0.0339815f, 0.0f,       0.0f,       0.347872f,   0.191909f,
                             0.47833f,     0.0f,        -0.105907f, -0.223255f, -0.533649f,  0.0f};
const std::vector<float> kDw{
    0.0138594f,   -0.103593f,    0.0189762f,   0.0539184f,   -0.0366063f,  -0.196798f,  -0.0641305f, 0.0211243f,
    -0.0218163f,  -0.452393f,    -0.160146f,   0.312446f,    0.0836757f,   0.818129f,   0.0922453f,  0.555275f,
    0.0258278f,   -0.175579f,    0.0215881f,   -0.23403f,    -0.0391435f,  0.0153578f,  -0.275285f,  0.0413877f,
    0.00554916f,  -0.164988f,    0.352351f,    -0.587728f,   0.553126f,    0.307995f,   -2.75383f,   1.48012f,
    -0.0382986f,  -0.000695436f, -0.00638735f, 0.000929397f, 0.000181014f, 0.00641144f, 0.00158102f, -0.0103898f,
    -0.0152198f,  0.00714169f,   -0.0123635f,  -0.015137f,   0.151831f,    -0.0149942f, -0.0647672f, -0.0450629f,
    0.00211108f,  0.000444466f,  -0.0145408f,  0.00460753f,  -0.0101083f,  0.0137605f,  0.0158633f,  0.0068927f,
    -0.00332816f, 0.00584749f,   0.0058473f,   -0.0231271f,  -0.0283096f,  0.0131388f,  -0.0735271f, 0.277834f,
    0.224522f,    0.0299687f,    0.106689f,    -0.112253f,   0.285981f,    -0.0609626f, -1.13132f,   -0.218711f,
    -0.0183676f,  -0.0137364f,   -0.0438052f,  0.265539f,    -0.0123634f,  -0.28138f,   -1.01291f,   1.17121f};

TEST(Lengths, BothDirectionsAgreeWithPackedSequencesOfPyTorch) {
  const Graph graph = graph_of({kLengths, kBiLstm}, {{{2, 4}}, kLength});
  PlanOptions options;
  options.batch_size = 3;
  options.input_gradient = true;
  options.costs = {{std::make_shared<testing::Probe>(), "Probe", 0}};
  options.targets = {{"", {4, 4}}};
  const auto plan = compile(graph, options);
  auto parameters = plan->export_parameters();
  parameters[0].values = kW;
  plan->import_parameters(parameters);
  std::vector<float> x = kX, errors = kErrors;
  std::vector<std::int32_t> lengths{4, 2, 3};
  tensor::Batch batch;
  batch.count = 3;
  batch.inputs = {{tensor::Dtype::f32, {3, 2, 4}, x.data()}, {tensor::Dtype::i32, {3}, lengths.data()}};
  batch.targets = {{tensor::Dtype::f32, {3, 4, 4}, errors.data()}};
  const auto expect = [](const std::vector<float>& expected, std::span<const float> got, const std::string& what) {
    testing::expect_near({expected.begin(), expected.end()}, got, 1e-5, what);
  };
  expect(kH, plan->infer(batch.inputs), "outputs");
  plan->train_step(batch, {});
  expect(kDx, plan->export_input_gradient(), "input gradient");
  expect(kDw, plan->export_gradients()[0].values, "gradient of the weights");
}

// torch.nn.functional.scaled_dot_product_attention of 2 heads in double, whose mask are the keys before the lengths 4,
// 2 and 3, with zeros in place of what padding sees; and the gradient of Σ output·error. PyTorch 2.15.
const std::vector<float> kQkv{
    0.82f,  -0.74f, -0.59f, -0.4f,  0.25f,  0.38f,  1.01f,  -0.76f, -1.17f, 0.23f,  0.74f,  0.77f,  -0.75f, 1.91f,
    0.85f,  1.4f,   0.55f,  0.01f,  0.76f,  0.82f,  -1.4f,  0.7f,   0.05f,  0.84f,  -0.75f, 0.96f,  1.5f,   0.87f,
    -0.4f,  -0.72f, -0.27f, -0.4f,  -0.55f, -1.08f, -0.01f, 0.08f,  -0.93f, -1.52f, 0.81f,  1.24f,  -0.6f,  -0.09f,
    -2.61f, -0.32f, -0.21f, -0.12f, 0.25f,  0.31f,  0.74f,  0.35f,  -1.56f, -0.28f, 0.35f,  0.11f,  0.44f,  1.18f,
    0.97f,  -0.43f, -0.2f,  0.47f,  1.35f,  -0.67f, -0.64f, 0.46f,  -0.69f, -0.81f, -0.56f, 1.35f,  -2.1f,  -1.17f,
    1.64f,  -0.4f,  0.01f,  2.14f,  0.89f,  0.86f,  1.13f,  -0.1f,  0.08f,  -0.91f, 0.6f,   -0.82f, -0.58f, -1.39f,
    -0.75f, 0.04f,  0.28f,  -0.52f, -0.75f, 1.44f,  -1.22f, -0.5f,  -0.89f, -0.71f, 0.62f,  -0.75f, -0.92f, -1.19f,
    1.56f,  0.03f,  0.61f,  0.77f,  1.12f,  -0.07f, -0.32f, -1.2f,  0.35f,  1.2f,   1.13f,  0.17f,  -0.44f, 0.45f,
    0.4f,   0.21f,  -1.59f, -1.01f, -1.27f, 1.18f,  0.39f,  -1.17f, 0.85f,  -1.07f, 0.05f,  0.21f,  1.4f,   0.81f,
    -1.82f, -0.81f, 0.23f,  -0.57f, -0.19f, 0.36f,  -0.73f, -0.58f, 1.88f,  -1.35f, 1.43f,  1.07f,  -0.35f, 0.16f,
    0.63f,  0.13f,  0.45f,  1.34f};
const std::vector<float> kSeenErrors{-0.22f, -0.52f, 0.56f,  -0.6f,  0.01f,  -0.98f, 0.84f, -0.55f, -1.18f, 0.69f,
                                     -0.76f, 1.13f,  -0.31f, -0.61f, -0.42f, 0.01f,  1.59f, 0.88f,  0.65f,  -0.49f,
                                     -1.28f, -0.59f, 0.7f,   -0.88f, -0.41f, 0.51f,  0.04f, -1.39f, 0.13f,  -2.03f,
                                     0.2f,   -0.54f, 0.66f,  -1.78f, -0.28f, 0.01f,  0.16f, -0.77f, -1.17f, 0.57f,
                                     -0.14f, -0.54f, 0.61f,  -0.65f, -0.6f,  -0.16f, 0.26f, 1.33f};
const std::vector<float> kSeen{-0.298691f, -0.473593f, -0.461443f, -0.449946f, 0.1514f,    -0.230465f,  -0.138442f,
                               -0.387118f, -0.642178f, -1.14391f,  -1.20604f,  -1.27464f,  -0.0750105f, 0.106665f,
                               0.12962f,   0.140662f,  -0.169279f, -0.125134f, 0.0f,       0.0f,        -0.322021f,
                               -0.34658f,  0.0f,       0.0f,       0.500957f,  0.309473f,  0.0f,        0.0f,
                               -0.787182f, -0.80292f,  0.0f,       0.0f,       -0.259701f, -0.258311f,  -0.434357f,
                               0.0f,       0.974218f,  1.15172f,   -0.456777f, 0.0f,       1.18198f,    0.852622f,
                               0.363567f,  0.0f,       0.387532f,  0.260959f,  0.435165f,  0.0f};
const std::vector<float> kDqkv{
    -0.0188629f, -0.348884f,  0.357324f,   -0.128237f,  -0.00766833f, -0.0932332f, 0.0335014f, -0.183321f,  0.0831728f,
    -0.296353f,  0.209631f,   -0.362625f,  0.0419923f,  -0.0700179f,  0.0753132f,  -0.119903f, -0.0826204f, -0.0826884f,
    0.101746f,   0.0635633f,  -0.0970813f, -0.376617f,  0.170093f,    0.303605f,   0.049274f,  0.172928f,   -0.35763f,
    0.135428f,   0.220556f,   0.428692f,   -1.01458f,   0.365328f,    -0.371526f,  -0.11623f,  -0.189467f,  -0.102777f,
    -0.356975f,  -0.117349f,  -0.15971f,   -0.0459662f, -0.51684f,    -0.0237097f, 0.320062f,  0.100487f,   -0.354279f,
    -0.253524f,  -0.403565f,  -0.318632f,  0.0688626f,  0.036379f,    0.0f,        0.0f,       -0.533685f,  -0.281937f,
    0.0f,        0.0f,        -0.3226f,    0.282668f,   0.0f,         0.0f,        0.18629f,   -0.163231f,  0.0f,
    0.0f,        0.530758f,   -0.530758f,  0.0f,        0.0f,         0.234197f,   -0.234197f, 0.0f,        0.0f,
    0.203976f,   -0.203976f,  0.0f,        0.0f,        0.293379f,    -0.293379f,  0.0f,       0.0f,        1.15925f,
    1.31075f,    0.0f,        0.0f,        -0.875277f,  -0.994723f,   0.0f,        0.0f,       0.0874708f,  0.0125292f,
    0.0f,        0.0f,        -0.992189f,  -0.907811f,  0.0f,         0.0f,        -0.154218f, 0.618414f,   0.212024f,
    0.0f,        -0.0754057f, 0.215668f,   0.0591394f,  0.0f,         -0.112806f,  0.0215846f, 0.0473827f,  0.0f,
    -0.0512295f, -0.23927f,   0.523707f,   0.0f,        -0.00810525f, -0.137302f,  0.145407f,  0.0f,        0.0337969f,
    0.306843f,   -0.340639f,  0.0f,        0.107815f,   0.0530995f,   -0.160914f,  0.0f,       -0.131147f,  0.0354747f,
    0.0956727f,  0.0f,        -0.0789151f, -0.466197f,  -0.854888f,   0.0f,        -0.193425f, -1.07522f,   -0.511357f,
    0.0f,        0.00892885f, -0.313035f,  0.234106f,   0.0f,         -0.249211f,  -0.339776f, 0.0889871f,  0.0f};

TEST(Lengths, AttentionAgreesWithAMaskOfKeysInPyTorch) {
  Graph graph;
  GraphBuilder builder(graph);
  const int qkv = builder.add_input({{12, 4}});
  builder.set_lengths(qkv, builder.add_input(kLength));
  graph.outputs = attention(builder, "Attention", {}, {qkv}, {.heads = 2});
  PlanOptions options;
  options.batch_size = 3;
  options.input_gradient = true;
  options.costs = {{std::make_shared<testing::Probe>(), "Probe", 0}};
  options.targets = {{"", {4, 4}}};
  for (const float padding : {0.5f, -1e30f}) {
    const auto plan = compile(graph, options);
    std::vector<float> x = kQkv, errors = kSeenErrors;
    std::vector<std::int32_t> lengths{4, 2, 3};
    for (std::size_t i = 0; i < x.size(); ++i)
      if (static_cast<std::int32_t>(i % 4) >= lengths[i / 48]) x[i] = padding;
    tensor::Batch batch;
    batch.count = 3;
    batch.inputs = {{tensor::Dtype::f32, {3, 12, 4}, x.data()}, {tensor::Dtype::i32, {3}, lengths.data()}};
    batch.targets = {{tensor::Dtype::f32, {3, 4, 4}, errors.data()}};
    testing::expect_near({kSeen.begin(), kSeen.end()}, plan->infer(batch.inputs), 1e-5, "what is seen");
    plan->train_step(batch, {});
    testing::expect_near({kDqkv.begin(), kDqkv.end()}, plan->export_input_gradient(), 1e-5, "input gradient");
  }
}

// The same with keys and values of another sequence, of lengths 2 and 4; the queries' are 3 and 2.
const std::vector<float> kQueries{-1.62f, -0.03f, -0.33f, 0.4f,   -0.55f, 0.86f,  1.05f,  -0.12f,
                                  0.24f,  0.89f,  -0.29f, -0.14f, -0.29f, -0.09f, -1.78f, 0.58f,
                                  0.79f,  0.0f,   -0.53f, -0.84f, -1.15f, 1.7f,   -0.74f, 0.5f};
const std::vector<float> kMemory{-0.53f, -0.12f, -0.65f, 0.32f, 1.65f,  0.31f,  1.42f,  -2.12f, -1.41f, 0.77f,  0.63f,
                                 1.23f,  -0.31f, 0.74f,  0.21f, -1.39f, 0.49f,  0.97f,  -2.22f, -0.35f, -0.17f, 0.85f,
                                 1.34f,  -0.95f, 0.91f,  0.33f, -0.05f, -1.06f, -0.42f, -1.41f, -0.64f, 0.29f,  0.93f,
                                 -0.58f, -0.28f, -1.02f, 1.96f, -1.48f, 1.11f,  0.43f,  0.71f,  -0.34f, 0.21f,  0.36f,
                                 -1.39f, -0.19f, 2.36f,  -2.4f, -0.99f, -0.32f, 0.44f,  0.66f,  -0.04f, 0.89f,  -0.06f,
                                 1.24f,  0.61f,  1.11f,  0.04f, 0.08f,  1.27f,  0.64f,  0.14f,  0.46f};
const std::vector<float> kMemoryErrors{1.35f,  -1.43f, -0.78f, -0.49f, 0.44f,  0.29f,  -1.8f,  -0.71f,
                                       0.15f,  -0.03f, -0.14f, -1.0f,  -2.08f, -2.02f, -1.34f, -1.87f,
                                       -0.83f, -0.65f, 0.85f,  -0.88f, -0.91f, 0.52f,  1.13f,  -0.56f};
const std::vector<float> kOfMemory{0.633862f,   0.790182f,  0.627707f, 0.135706f, 0.467886f,  0.122627f,
                                   0.383851f,   0.67728f,   0.581654f, -1.31808f, -0.817229f, -0.980453f,
                                   -0.0569717f, -0.184962f, 0.0f,      0.392051f, 0.285291f,  0.0f,
                                   0.102326f,   0.442269f,  0.0f,      0.177376f, 0.67733f,   0.0f};
const std::vector<float> kDqueries{0.00901774f, -0.016138f, -0.0046619f, -0.0294726f, 0.0527439f, 0.0152364f,
                                   0.139403f,   0.203834f,  0.341908f,   0.0671437f,  0.0981771f, 0.16468f,
                                   1.20697f,    0.976452f,  0.0f,        1.01019f,    0.771672f,  0.0f,
                                   -0.019805f,  0.104066f,  0.0f,        -0.129905f,  -0.179794f, 0.0f};
const std::vector<float> kDmemory{
    0.030698f,   -0.030698f,  0.0f,       0.0f,        -0.0206678f,  0.0206678f,  0.0f,        0.0f,
    -0.0935647f, 0.0935647f,  0.0f,       0.0f,        -0.00783934f, 0.00783934f, 0.0f,        0.0f,
    -0.146547f,  -0.713453f,  0.0f,       0.0f,        0.0284946f,   0.211505f,   0.0f,        0.0f,
    -0.52716f,   -1.83284f,   0.0f,       0.0f,        -0.520498f,   -0.649502f,  0.0f,        0.0f,
    -0.237952f,  0.00964762f, 0.0295414f, 0.198763f,   0.829272f,    -0.0261756f, -0.18125f,   -0.621846f,
    -0.0757732f, 0.0651345f,  0.0320295f, -0.0213908f, -0.0536639f,  0.147462f,   -0.0755213f, -0.0182769f,
    -1.55846f,   -0.368613f,  -1.20646f,  -0.966464f,  -0.97509f,    -0.262751f,  -0.798457f,  -0.663702f,
    -0.198668f,  -0.159509f,  0.755776f,  -0.4276f,    0.268877f,    0.291181f,   0.536203f,   0.553739f};

TEST(Lengths, AttentionOfAMemoryAgreesWithAMaskOfKeysInPyTorch) {
  const auto gradient_of = [](bool of_memory) {  // a plan gives that of its first input
    Graph graph;
    GraphBuilder builder(graph);
    const TensorSpec queries{{4, 3}}, memory{{8, 4}};
    const int first = builder.add_input(of_memory ? memory : queries);
    builder.set_lengths(first, builder.add_input(kLength));
    const int second = builder.add_input(of_memory ? queries : memory);
    builder.set_lengths(second, builder.add_input(kLength));
    graph.outputs =
        attention(builder, "Attention", {}, of_memory ? std::vector{second, first} : std::vector{first, second},
                  {.heads = 2, .of_memory = true});
    PlanOptions options;
    options.batch_size = 2;
    options.input_gradient = true;
    options.costs = {{std::make_shared<testing::Probe>(), "Probe", 0}};
    options.targets = {{"", {4, 3}}};
    const auto plan = compile(graph, options);
    std::vector<float> x = kQueries, m = kMemory, errors = kMemoryErrors;
    std::vector<std::int32_t> lengths{3, 2}, memory_lengths{2, 4};
    tensor::Batch batch;
    batch.count = 2;
    batch.inputs = {{tensor::Dtype::f32, {2, 4, 3}, x.data()},
                    {tensor::Dtype::i32, {2}, lengths.data()},
                    {tensor::Dtype::f32, {2, 8, 4}, m.data()},
                    {tensor::Dtype::i32, {2}, memory_lengths.data()}};
    if (of_memory) std::rotate(batch.inputs.begin(), batch.inputs.begin() + 2, batch.inputs.end());
    batch.targets = {{tensor::Dtype::f32, {2, 4, 3}, errors.data()}};
    testing::expect_near({kOfMemory.begin(), kOfMemory.end()}, plan->infer(batch.inputs), 1e-5, "what is seen");
    plan->train_step(batch, {});
    const auto gradient = plan->export_input_gradient();
    return std::vector<float>(gradient.begin(), gradient.end());
  };
  testing::expect_near({kDqueries.begin(), kDqueries.end()}, gradient_of(false), 1e-5, "gradient of the queries");
  testing::expect_near({kDmemory.begin(), kDmemory.end()}, gradient_of(true), 1e-5, "gradient of the memory");
}

/// A batch of 4 sequences of words, with a class for each step.
struct Words {
  static constexpr std::int64_t kBatch = 4, kSteps = 5;
  std::vector<std::int32_t> words, lengths{5, 2, 0, 3}, classes;
  Words() {
    for (std::int32_t i = 0; i < kBatch * kSteps; ++i) {
      words.push_back(1 + i * 5 % 7);
      classes.push_back(i * 2 % 3);
    }
  }
  void pad_with(std::int32_t word, std::int32_t target) {
    for (std::size_t i = 0; i < words.size(); ++i)
      if (static_cast<std::int32_t>(i) % kSteps >= lengths[i / kSteps]) {
        words[i] = word;
        classes[i] = target;
      }
  }
  tensor::Batch batch(bool with_lengths) {
    tensor::Batch batch;
    batch.count = kBatch;
    batch.inputs = {{tensor::Dtype::i32, {kBatch, kSteps}, words.data()}};
    if (with_lengths) batch.inputs.push_back({tensor::Dtype::i32, {kBatch}, lengths.data()});
    batch.targets = {{tensor::Dtype::i32, {kBatch, kSteps}, classes.data()}};
    return batch;
  }
};

std::unique_ptr<Plan> plan_of_words(std::string_view first, bool with_lengths) {
  std::vector<TensorSpec> in{{{Words::kSteps}, tensor::Dtype::i32}};
  if (with_lengths) in.push_back(kLength);
  PlanOptions options;
  options.batch_size = Words::kBatch;
  options.costs = {{Shelf<Cost>::instance().find("CrossEntropyMulti", "").make({}, ""), "CrossEntropyMulti", 0}};
  return compile(
      graph_of(
          {first, R"({"type": "LookupTable", "config": {"vocab_size": 9, "embedding_dim": 4, "init": "Gaussian"}})",
           kBiLstm, kPerStep},
          in),
      options);
}

TEST(Lengths, MergesHaveThoseOfAnyBranch) {
  constexpr std::string_view kReshaped =
      R"([{"type": "Reshape", "config": {"reshape": [12]}}, {"type": "Reshape", "config": {"reshape": [2, 6]}}, {"type": "Linear", "config": {"nout": 3, "init": "Gaussian"}}])";
  constexpr std::string_view kPlain = R"([{"type": "Linear", "config": {"nout": 3, "init": "Gaussian"}}])";
  const auto merged = [&](std::string_view a, std::string_view b, std::string_view how) {
    return fmt::format(R"({{"type": "{}", "config": {{"layers": [{}, {}] {}}}}})",
                       how == "depth" ? "MergeBroadcast" : "MergeSum", a, b,
                       how == "depth" ? R"(, "merge": "depth")" : "");
  };
  for (const std::string_view how : {"depth", "sum"})
    for (const bool first : {true, false}) {
      const std::string layer = merged(first ? kPlain : kReshaped, first ? kReshaped : kPlain, how);
      const Graph graph = graph_of({kLengths, layer}, {{{2, 6}}, kLength});
      EXPECT_EQ(graph.lengths_of(0), graph.inputs[1]) << layer;
    }
  const std::string sum_of_two =
      R"({"type": "MergeMultistream", "config": {"layers": [[{"type": "Linear", "config": {"nout": 3, "init": "Gaussian"}}],
      [{"type": "Linear", "config": {"nout": 3, "init": "Gaussian"}}]], "merge": "depth"}})";
  EXPECT_THAT(refusal_of({kLengths, sum_of_two}, {{{2, 6}}, kLength, {{4, 6}}, kLength}),
              HasSubstr("each a length of its own"));
  EXPECT_EQ(refusal_of({kLengths, sum_of_two}, {{{2, 6}}, kLength, {{4, 6}}}), "accepted");
}

TEST(Lengths, BlocksTakeThemDirectly) {
  constexpr std::string_view kBlock =
      R"({"type": "TransformerBlock", "config": {"heads": 1, "hidden": 3, "init": "Gaussian"}})";
  const Graph graph = graph_of({kBlock}, {{{2, 6}}, kLength});
  EXPECT_EQ(graph.lengths_of(0), graph.inputs[1]);
}

TEST(Lengths, WhatPadsASequenceDoesNotMatter) {
  Words words;
  const auto plan = plan_of_words(kLengths, true);
  words.pad_with(0, 0);
  const double cost = plan->train_step(words.batch(true), {});
  const auto gradients = plan->export_gradients();
  const double compared = plan->compare(words.batch(true)).cost;
  EXPECT_NEAR(cost, compared, 1e-6);
  words.pad_with(8, -1);
  EXPECT_EQ(plan->train_step(words.batch(true), {}), cost);
  const auto again = plan->export_gradients();
  for (std::size_t i = 0; i < gradients.size(); ++i) EXPECT_EQ(gradients[i].values, again[i].values) << again[i].name;
  EXPECT_EQ(plan->compare(words.batch(true)).cost, compared);
}

TEST(Lengths, CostsAndMetricsAreOfRealSteps) {
  Words words;
  const auto plan = plan_of_words(kLengths, true);
  const auto got = plan->compare(words.batch(true));
  EXPECT_EQ(got.rows, 5 + 2 + 0 + 3);
  EXPECT_EQ(got.weight, 10);
  double sum = 0;
  std::size_t row = 0;
  for (std::int64_t example = 0; example < Words::kBatch; ++example)
    for (std::int64_t t = 0; t < words.lengths[static_cast<std::size_t>(example)]; ++t, ++row) {
      const auto label = words.classes[static_cast<std::size_t>(example * Words::kSteps + t)];
      sum -= std::log(plan->output(0)[static_cast<std::size_t>((example * 3 + label) * Words::kSteps + t)]);
      EXPECT_EQ(got.targets[row * 3 + static_cast<std::size_t>(label)], 1);
    }
  EXPECT_NEAR(got.cost, sum / 10, 1e-5);
}

TEST(Lengths, CountedOnesAreLikeGivenOnes) {
  Words words;
  words.pad_with(0, 0);
  const auto given = plan_of_words(kLengths, true),
             counted = plan_of_words(R"({"type": "SequenceLengths", "config": {"pad_idx": 0}})", false);
  counted->import_parameters(given->export_parameters());
  EXPECT_EQ(given->train_step(words.batch(true), {}), counted->train_step(words.batch(false), {}));
  EXPECT_EQ(given->compare(words.batch(true)).cost, counted->compare(words.batch(false)).cost);
}

TEST(Lengths, TheLastStepIsTheLastRealOne) {
  PlanOptions options;
  options.batch_size = 3;
  const auto plan = compile(graph_of({kLengths, kLast}, {{{1, 4}}, kLength}), options);
  std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::vector<std::int32_t> lengths{4, 2, 0};
  const std::vector<tensor::Tensor> inputs{{tensor::Dtype::f32, {3, 1, 4}, x.data()},
                                           {tensor::Dtype::i32, {3}, lengths.data()}};
  EXPECT_THAT(plan->infer(inputs), ::testing::ElementsAre(4, 6, 0));
}

TEST(Lengths, OneThatIsTooLongIsNamed) {
  Words words;
  words.lengths[1] = 6;
  try {
    plan_of_words(kLengths, true)->train_step(words.batch(true), {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message,
                HasSubstr("example 1 of the batch has a length of 6, but its sequence has 5 time steps"));
  }
}

TEST(Lengths, WhatDoesNotFitIsNamed) {
  EXPECT_THAT(refusal_of({kLengths, kLast}, {{{2, 4}}}), HasSubstr("no sequence has a length"));
  EXPECT_THAT(refusal_of({kPerStep}, {{{2, 4}}, kLength}), HasSubstr("begin with SequenceLengths"));
  EXPECT_THAT(
      refusal_of(
          {kLengths, R"({"type": "BiBNRNN", "config": {"output_size": 2, "init": "Gaussian", "activation": "Tanh"}})"},
          {{{2, 4}}, kLength}),
      HasSubstr("cannot leave padding out; use BiRNN"));
}

TEST(Seq2Seq, StatesAreThoseOfTheLastRealStep) {
  for (const std::string_view cell : {"LSTM", "GRU"}) {
    const std::string layer = fmt::format(
        R"({{"type": "{}", "config": {{"output_size": 4, "init": "Gaussian", "activation": "Tanh", "gate_activation": "Logistic"}}}})",
        cell);
    const std::string model =
        fmt::format(R"({{"type": "Seq2Seq", "config": {{"layers": [[{}], [{}]]}}}})", layer, layer);
    const Graph graph = graph_of({kLengths, model}, {{{3, 7}}, kLength, {{2, 6}}, kLength});
    testing::compare_with_reference(graph, 5, 2e-5);
    testing::compare_with_reference(graph, 5, 2e-5, tensor::kPlainLoops);
  }
}

TEST(Seq2Seq, OnlyOneOfTheTwoSequencesMayHaveLengths) {
  const std::string model =
      R"({"type": "Seq2Seq", "config": {"layers": [[{"type": "BranchNode", "config": {"name": "read"}}],
          [{"type": "MultiHeadAttention", "config": {"heads": 2, "init": "Gaussian", "memory": "read"}}]]}})";
  for (const auto& in : {std::vector<TensorSpec>{{{3, 7}}, kLength, {{4, 6}}}, {{{3, 7}}, {{4, 6}}, kLength}}) {
    const Graph graph = graph_of({kLengths, model}, in);
    EXPECT_EQ(graph.lengths_of(0) >= 0, in[1].shape.size() == 2);  // what comes out has those of the queries
    testing::compare_with_reference(graph, 5, 2e-5);
  }
}

TEST(Seq2Seq, AMemoryThatIsNoneIsNamed) {
  const auto refusal = [](std::string_view more, const tensor::Shape& in) {
    const std::string attention =
        fmt::format(R"({{"type": "MultiHeadAttention", "config": {{"heads": 2, "init": "Gaussian", {}}}}})", more);
    return refusal_of({R"({"type": "BranchNode", "config": {"name": "here"}})",
                       R"({"type": "Reshape", "config": {"reshape": [4, 3]}})", attention},
                      {{in}});
  };
  EXPECT_EQ(refusal(R"("memory": "here")", {4, 3}), "accepted");
  EXPECT_THAT(refusal(R"("memory": "there")", {4, 3}), HasSubstr("must be the name of a BranchNode before it"));
  EXPECT_THAT(refusal(R"("memory": "here")", {12}), HasSubstr("but (12) passes there"));
  EXPECT_THAT(refusal(R"("memory": "here", "causal": true)", {4, 3}), HasSubstr("with memory leave it out"));
}

TEST(Seq2Seq, WhatDoesNotFitIsNamed) {
  const auto refusal = [](std::string_view more, std::string_view decoder) {
    const std::string model = fmt::format(
        R"({{"type": "Seq2Seq", "config": {{{} "layers": [[{{"type": "Recurrent", "config": {{"output_size": 4, "init": "Gaussian", "activation": "Tanh"}}}}], [{}]]}}}})",
        more, decoder);
    return refusal_of({model}, {{{3, 7}}, {{2, 6}}});
  };
  constexpr std::string_view kRecurrent =
      R"({"type": "Recurrent", "config": {"output_size": 3, "init": "Gaussian", "activation": "Tanh"}})";
  EXPECT_THAT(refusal("", kRecurrent), HasSubstr("it starts from a state of 3 numbers, but (4) come in"));
  EXPECT_THAT(refusal("", kPerStep), HasSubstr("the decoder has 0 recurrent layers"));
  EXPECT_THAT(refusal(R"("decoder_connections": [1],)", kRecurrent), HasSubstr("the encoder has 1 recurrent layers"));
}

}  // namespace
}  // namespace neon

"""Small networks as other programs write them in ONNX: name -> function that writes a file and returns nothing."""
import pathlib

import numpy
import torch
from torch import nn

MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


def give_statistics(network):
    """Random running statistics, factors and terms, so that they count."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean, 0, 0.2)
        for name in ("weight", "bias"):
            value = getattr(module, name, None)
            if "Norm" in type(module).__name__ and value is not None:
                nn.init.uniform_(value, 0.5, 1.5)
    return network.eval()


def torch_model(sample, script=True, dynamo=True, whole=0, static=False):
    """The network that the function makes, by both exporters of PyTorch. `whole`: its input are numbers below that."""

    def decorate(make):
        def export(path, dynamic_way):
            torch.manual_seed(1)
            network = give_statistics(make())
            shape = (2, *sample)
            x = torch.randint(0, whole, shape) if whole else torch.randn(shape)
            network(x)
            if dynamic_way:
                batch = None if static else ({0: torch.export.Dim("batch", min=2)},)
                torch.onnx.export(network, (x,), path, dynamo=True, dynamic_shapes=batch, external_data=False, verbose=False)
            else:
                axes = None if static else {"input": {0: "batch"}, "output": {0: "batch"}}
                torch.onnx.export(network, (x,), path, dynamo=False, input_names=["input"], output_names=["output"],
                                  dynamic_axes=axes)

        if script:
            MODELS[make.__name__] = lambda path: export(path, False)
        if dynamo:
            MODELS[make.__name__ + "_dynamo"] = lambda path: export(path, True)
        return make

    return decorate


# --- windows


@torch_model((3, 12, 10))
def convolutions():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=(2, 1), padding=(1, 2), bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 8, 3, padding="same", groups=8), nn.PReLU(8), nn.MaxPool2d(2, 1),
        nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1), nn.ELU(0.7),
        nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), nn.Hardtanh(-0.6, 0.9),
        nn.Conv2d(4, 6, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4), nn.Softmax(1))


@torch_model((3, 17))
def convolutions_1d():
    return nn.Sequential(
        nn.Conv1d(3, 8, 5, stride=2, padding=2), nn.BatchNorm1d(8), nn.GELU(), nn.Conv1d(8, 8, 3, padding=1, groups=2),
        nn.SiLU(), nn.MaxPool1d(2), nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1), nn.Softplus(), nn.Flatten(),
        nn.Linear(32, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 2))


@torch_model((2, 6, 7, 5))
def convolutions_3d():
    return nn.Sequential(
        nn.Conv3d(2, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(), nn.MaxPool3d(2, padding=1), nn.Conv3d(4, 3, (1, 2, 2)),
        nn.Sigmoid(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 2))


@torch_model((4, 6, 5))
def norms():
    return nn.Sequential(
        nn.GroupNorm(2, 4), nn.Conv2d(4, 6, 3), nn.InstanceNorm2d(6, affine=True), nn.GELU(approximate="tanh"),
        nn.Conv2d(6, 4, 1), nn.LayerNorm([4, 4, 3]), nn.Hardswish(), nn.Flatten(1),
        nn.Linear(48, 3), nn.LogSoftmax(1))


class Padded(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3, stride=2), nn.Conv2d(4, 3, 3, stride=2)

    def forward(self, x):
        x = self.first(nn.functional.pad(x, (0, 1, 0, 1))).relu()
        x = nn.functional.max_pool2d(nn.functional.pad(x, (1, 1, 1, 1)), 3, 1)
        return self.second(nn.functional.pad(x, (2, 0, 1, 0))).mean((2, 3))


@torch_model((2, 8, 10))
def padded():
    return Padded()


# --- sequences


class Tagger(nn.Module):
    def __init__(self, kind, directions, **more):
        super().__init__()
        self.table = nn.Embedding(11, 6)
        self.memory = kind(6, 5, batch_first=True, bidirectional=directions == 2, **more)
        self.head = nn.Linear(5 * directions, 4)

    def forward(self, x):
        return self.head(self.memory(self.table(x))[0]).softmax(-1)


class LastStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory = nn.LSTM(3, 5, num_layers=2, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.memory(x)[0][:, -1])


class LastState(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory = nn.RNN(3, 5, nonlinearity="relu")
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.memory(x.transpose(0, 1))[1][-1])


@torch_model((7,), whole=11, dynamo=False)
def lstm_tagger():
    return Tagger(nn.LSTM, 1)


@torch_model((7,), whole=11, dynamo=False)
def bi_lstm_tagger():
    return Tagger(nn.LSTM, 2)


@torch_model((7,), whole=11, dynamo=False)
def bi_rnn_tagger():
    return Tagger(nn.RNN, 2)


@torch_model((6, 3), dynamo=False)
def lstm_last_step():
    return LastStep()


@torch_model((6, 3), dynamo=False)
def rnn_last_state():
    return LastState()


class TextConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(11, 6)
        self.narrow, self.wide = nn.Conv1d(6, 5, 3, padding=1), nn.Conv1d(6, 4, 5, padding=2)
        self.head = nn.Linear(9, 3)

    def forward(self, x):
        x = self.table(x).transpose(1, 2)
        x = torch.cat([self.narrow(x).relu(), self.wide(x).relu()], 1)
        return self.head(x.mean(-1))


@torch_model((9,), whole=11)
def text_convolution():
    return TextConvolution()


class Transformer(nn.Module):
    def __init__(self, norm_first, causal=False):
        super().__init__()
        self.table = nn.Embedding(13, 8)
        self.places = nn.Parameter(torch.randn(1, 6, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first,
                                           activation="gelu" if norm_first else "relu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.mask = nn.Transformer.generate_square_subsequent_mask(6) if causal else None
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.encoder(self.table(x) + self.places, mask=self.mask, is_causal=self.mask is not None)
        return self.head(x[:, 0])


@torch_model((6,), whole=13)
def transformer_encoder():
    return Transformer(False)


@torch_model((6,), whole=13)
def transformer_encoder_norm_first():
    return Transformer(True)


@torch_model((6,), whole=13)
def transformer_causal():
    return Transformer(True, True)


class BertLike(nn.Module):
    """Three projections and heads by view and permute, as Hugging Face's models have them."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(13, 8)
        self.query, self.key, self.value, self.out = (nn.Linear(8, 8) for _ in range(4))
        self.norm, self.wide, self.narrow = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)

    def heads(self, x):
        return x.view(x.shape[0], -1, 2, 4).permute(0, 2, 1, 3)

    def forward(self, ids):
        x = self.table(ids)
        scores = self.heads(self.query(x)) @ self.heads(self.key(x)).transpose(-1, -2) / 2.0
        seen = (scores.softmax(-1) @ self.heads(self.value(x))).permute(0, 2, 1, 3).contiguous()
        x = self.norm(x + self.out(seen.view(x.shape[0], -1, 8)))
        return x + self.narrow(nn.functional.gelu(self.wide(x)))


@torch_model((5,), whole=13)
def bert_like():
    return BertLike()


class Patches(nn.Module):
    """A vision transformer that averages its patches instead of adding one of its own."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation="gelu")
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.norm(self.encoder(self.patches(x).flatten(2).transpose(1, 2))).mean(1))


@torch_model((3, 12, 12))
def patches():
    return Patches()


class WrittenNorm(nn.Module):
    """A norm as older exporters write it."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)
        self.gamma, self.beta = nn.Parameter(torch.randn(6)), nn.Parameter(torch.randn(6))

    def forward(self, x):
        x = self.first(x)
        centred = x - x.mean(-1, keepdim=True)
        deviation = (centred.pow(2).mean(-1, keepdim=True) + 1e-4).sqrt()
        x = centred / deviation * self.gamma + self.beta
        return self.second(x * torch.sigmoid(x)) + 0.5


@torch_model((5, 4))
def written_norm():
    return WrittenNorm()


# --- whole networks of torchvision


def zoo(name, size, **more):
    import torchvision

    return torch_model((3, size, size))(
        type("", (), {"__name__": name, "__call__": lambda self: getattr(torchvision.models, name)(weights=None, num_classes=7, **more)})())


zoo("resnet18", 64)
zoo("resnet50", 64)
zoo("mobilenet_v2", 64)
zoo("squeezenet1_1", 63)
zoo("densenet121", 64)
zoo("googlenet", 45, aux_logits=False, init_weights=False)


@torch_model((3, 64, 64), static=True)
def alexnet():
    import torchvision

    network = torchvision.models.alexnet(weights=None, num_classes=7)
    network.avgpool = nn.Identity()
    network.classifier[1] = nn.Linear(256, 64)
    network.classifier[4], network.classifier[6] = nn.Linear(64, 32), nn.Linear(32, 7)
    return network


@torch_model((3, 32, 32), static=True)
def vgg11_bn():
    import torchvision

    network = torchvision.models.vgg11_bn(weights=None, num_classes=7)
    network.avgpool = nn.Identity()
    network.classifier[0], network.classifier[3], network.classifier[6] = nn.Linear(512, 64), nn.Linear(64, 32), nn.Linear(32, 7)
    return network


# --- other programs


@model
def scikit_learn(path):
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier

    random = numpy.random.RandomState(1)
    x = random.randn(80, 5).astype(numpy.float32)
    mlp = MLPClassifier((8, 6), max_iter=20, random_state=1).fit(x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5))
    path.write_bytes(to_onnx(mlp, x[:1]).SerializeToString())


@model
def scikit_learn_scaled(path):
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = numpy.random.RandomState(1)
    x = random.randn(80, 5).astype(numpy.float32)
    mlp = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", max_iter=20, random_state=1)).fit(x, x[:, 0])
    path.write_bytes(to_onnx(mlp, x[:1]).SerializeToString())


@model
def keras_style(path):
    """What tf2onnx writes: extents of maps last, turned around each convolution, padding as SAME has it."""
    import onnx
    from onnx import helper, numpy_helper

    random = numpy.random.RandomState(1)

    def constant(name, *shape):
        return numpy_helper.from_array((random.randn(*shape) / 4).astype(numpy.float32), name)

    node = helper.make_node
    nodes = [
        node("Transpose", ["image"], ["turned"], "to_nchw", perm=[0, 3, 1, 2]),
        node("Conv", ["turned", "w1", "b1"], ["c1"], "conv1", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Relu", ["c1"], ["r1"], "relu1"),
        node("Conv", ["r1", "w2"], ["c2"], "depthwise", pads=[0, 0, 1, 1], group=6, strides=[2, 2]),
        node("Transpose", ["c2"], ["back"], "to_nhwc", perm=[0, 2, 3, 1]),
        node("Mul", ["back", "scale"], ["scaled"], "scale"),
        node("Add", ["scaled", "shift"], ["shifted"], "shift"),
        node("MatMul", ["shifted", "w3"], ["mixed"], "pointwise"),
        node("Transpose", ["mixed"], ["again"], "to_nchw_again", perm=[0, 3, 1, 2]),
        node("MaxPool", ["again"], ["pooled"], "pool", kernel_shape=[2, 2], strides=[1, 1]),
        node("Transpose", ["pooled"], ["last"], "to_nhwc_again", perm=[0, 2, 3, 1]),
        node("Reshape", ["last", "flat"], ["row"], "flatten"),
        node("MatMul", ["row", "w4"], ["product"], "dense"),
        node("Add", ["product", "b4"], ["sum"], "dense_bias"),
        node("Softmax", ["sum"], ["classes"], "softmax")]
    graph = helper.make_graph(
        nodes, "keras", [helper.make_tensor_value_info("image", 1, [None, 12, 14, 3])],
        [helper.make_tensor_value_info("classes", 1, [None, 4])],
        [constant("w1", 6, 3, 3, 3), constant("b1", 6), constant("w2", 6, 1, 3, 3), constant("scale", 6), constant("shift", 6),
         constant("w3", 6, 5), numpy_helper.from_array(numpy.array([-1, 20], numpy.int64), "flat"), constant("w4", 20, 4),
         constant("b4", 4)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), pathlib.Path(path))

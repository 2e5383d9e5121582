"""The rival: trains or runs a problem file with PyTorch on the CPU, and prints its rate.

Usage: torch_problem.py PROBLEM.yaml train|infer [--batch N] [--seconds S] [--threads T]
Prints {"images_per_s": …, "version": …}. Eager and channels-last are both tried; the better one counts.
"""
import argparse
import json
import sys
import time

import torch
import yaml
from torch import nn

ACTIVATIONS = {"Rectlin": nn.ReLU, "Logistic": nn.Sigmoid, "Tanh": nn.Tanh}


def sample_shape(problem):
    image = problem["dataset"]["etl"][0]
    return [image.get("channels", 3), image["height"], image["width"]]


def build(problem):
    """The torch modules for the layers of a problem file, and the number of outputs. Softmax and a Logistic at the end
    belong to the cost, as is usual there."""
    shape = sample_shape(problem)
    modules = []
    features = None

    def activation(part):
        if part and part["type"] in ACTIVATIONS and not (part.get("config") or {}).get("shortcut"):
            modules.append(ACTIVATIONS[part["type"]]())

    for layer in problem["layers"]:
        kind, config = layer["type"], layer.get("config") or {}
        if kind in ("Linear", "Affine"):
            if features is None:
                modules.append(nn.Flatten())
                features = shape[0] * shape[1] * shape[2]
            modules.append(nn.Linear(features, config["nout"], bias="bias" in config))
            features = config["nout"]
            if config.get("batch_norm"):
                modules.append(nn.BatchNorm1d(features))
            activation(config.get("activation"))
        elif kind in ("Conv", "Convolution"):
            rows, columns, maps = config["fshape"]
            padding, stride = config.get("padding", 0), config.get("strides", 1)
            modules.append(nn.Conv2d(shape[0], maps, (rows, columns), stride, padding, bias="bias" in config))
            shape = [maps] + [(shape[i + 1] + 2 * padding - config["fshape"][i]) // stride + 1 for i in range(2)]
            if config.get("batch_norm"):
                modules.append(nn.BatchNorm2d(maps))
            activation(config.get("activation"))
        elif kind == "Pooling":
            size = config["fshape"]
            stride = config.get("strides", size)
            modules.append((nn.MaxPool2d if config.get("op", "max") == "max" else nn.AvgPool2d)(size, stride))
            shape = [shape[0]] + [(extent - size) // stride + 1 for extent in shape[1:]]
        elif kind == "Activation":
            activation(config["transform"])
        elif kind == "Dropout":
            modules.append(nn.Dropout(1 - config.get("keep", 0.5)))
        else:
            sys.exit(f"no torch module for layer {kind}")
    return nn.Sequential(*modules), features


def measure(step, batch, seconds):
    for _ in range(5):
        step()
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        steps += 1
    return steps * batch / (time.perf_counter() - started)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("problem")
    parser.add_argument("mode", choices=["train", "infer"])
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with open(options.problem) as file:
        problem = yaml.safe_load(file)
    batch = options.batch or problem.get("batchsize", 128)
    x = torch.rand(batch, *sample_shape(problem))

    best = 0
    for layout in (torch.contiguous_format, torch.channels_last):
        network, outputs = build(problem)
        network = network.to(memory_format=layout)
        rows = x.to(memory_format=layout)
        if options.mode == "infer":
            network.eval()
            with torch.inference_mode():
                rate = measure(lambda: network(rows), batch, options.seconds / 2)
        else:
            labels = torch.randint(outputs, (batch,))
            binary = problem["cost"] == "CrossEntropyBinary"
            targets = nn.functional.one_hot(labels, outputs).float() if binary else labels
            cost = nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss()
            rule = (problem["optimizer"].get("config") or {})
            optimizer = torch.optim.SGD(network.parameters(), lr=rule.get("learning_rate", 0.01),
                                        momentum=rule.get("momentum_coef", 0.9), weight_decay=rule.get("wdecay", 0))

            def step():
                optimizer.zero_grad(set_to_none=True)
                cost(network(rows), targets).backward()
                optimizer.step()
            rate = measure(step, batch, options.seconds / 2)
        best = max(best, rate)
    print(json.dumps({"images_per_s": best, "version": torch.__version__}))


if __name__ == "__main__":
    main()

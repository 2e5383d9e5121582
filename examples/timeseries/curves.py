#!/usr/bin/python3
"""Makes what the model here trains on: pieces of Lissajous figures, and the point that comes next.

A figure is (a·sin(2πt), b·cos(2π·r·t)) with r one of 1/2, 1, 3/2 and 2; where a piece begins, its sizes a and b and a little noise are
drawn. A record has --points points, all x and then all y, and the next one. Writes into --output: train.tsv and test.tsv (other
draws). Needs nothing but Python's standard library.
"""
import argparse
import math
import random
from pathlib import Path

STEP = 1 / 20  # of a turn, between two points
NOISE = 0.01


def record(chance, points):
    ratio, start = chance.choice([0.5, 1, 1.5, 2]), chance.uniform(0, 2)
    a, b = chance.uniform(0.5, 1), chance.uniform(0.5, 1)
    times = [start + i * STEP for i in range(points + 1)]
    x = [a * math.sin(2 * math.pi * t) + chance.gauss(0, NOISE) for t in times]
    y = [b * math.cos(2 * math.pi * ratio * t) + chance.gauss(0, NOISE) for t in times]
    return " ".join(f"{v:.4f}" for v in x[:-1] + y[:-1]) + f"\t{x[-1]:.4f} {y[-1]:.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=16, help="points of a piece (%(default)s)")
    parser.add_argument("--count", type=int, default=10000, help="pieces to train on; a tenth as many to test (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent / "data", help="folder to write into")
    options = parser.parse_args()
    if options.count < 10:
        parser.error(f"--count must be at least 10, got {options.count}")
    options.output.mkdir(parents=True, exist_ok=True)
    for seed, (name, count) in enumerate([("train", options.count), ("test", options.count // 10)]):
        chance = random.Random(seed)
        lines = ["@STRING\tSTRING"] + [record(chance, options.points) for _ in range(count)]
        (options.output / f"{name}.tsv").write_text("\n".join(lines) + "\n")
        print(f"{options.output}: {count} pieces in {name}.tsv")


if __name__ == "__main__":
    main()

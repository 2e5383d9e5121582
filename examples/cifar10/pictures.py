#!/usr/bin/python3
"""Makes what the models here train on: small colour pictures of ten kinds, as PNG files with manifests.

With --source FOLDER: CIFAR-10, from the files of its binary version (cifar-10-batches-bin, of
https://www.cs.toronto.edu/~kriz/cifar.html), which one downloads oneself. Without: as many pictures as --count says of
ten shapes, in random colours, places and sizes on a random ground; easier than CIFAR-10, but of the same form. With --places
a third column of the manifests says where a shape is: its centre and radius, x y r, in widths of the picture. With --other they are
five shapes that are not among the ten.
Writes into --output: data/train/00000.png ..., data/test/00000.png ..., labels.txt, train.tsv and test.tsv.
Needs nothing but Python's standard library.
"""
import argparse
import math
import random
import struct
import sys
import zlib
from pathlib import Path

SIDE = 32
SHAPES = ["disc", "ring", "square", "frame", "triangle", "cross", "bars", "stripes", "diamond", "crescent"]
OTHER = ["heart", "arrow", "corner", "half", "eight"]


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels):
    """An 8-bit PNG of rows of r, g, b."""
    rows = b"".join(b"\0" + pixels[y * SIDE * 3:(y + 1) * SIDE * 3] for y in range(SIDE))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def inside(shape, x, y):
    """Whether a point of [-1, 1]² belongs to the shape."""
    r, far = math.hypot(x, y), max(abs(x), abs(y))
    return {"disc": r < 1, "ring": 0.6 < r < 1, "square": far < 0.85, "frame": 0.5 < far < 0.85,
            "triangle": -0.8 < y < 0.8 and abs(x) < (y + 0.8) / 1.6, "cross": far < 1 and min(abs(x), abs(y)) < 0.3,
            "bars": far < 0.9 and int((x + 1) * 2.5) % 2 == 0, "stripes": far < 0.9 and int((y + 1) * 2.5) % 2 == 0,
            "diamond": abs(x) + abs(y) < 1, "crescent": r < 1 and math.hypot(x - 0.5, y) > 0.8,
            "heart": (x * x + y * y - 0.5)**3 < -2 * x * x * y**3,
            "arrow": abs(y) < (0.7 - x if x > -0.1 else 0.25) and x > -0.9,
            "corner": far < 0.9 and (x < -0.3 or y > 0.3), "half": r < 1 and y > 0,
            "eight": math.hypot(x, abs(y) - 0.5) < 0.5}[shape]


def drawn(shape, chance):
    """The pixels, and where the shape is."""
    size = chance.uniform(7, 13)
    left, top = chance.uniform(size, SIDE - size), chance.uniform(size, SIDE - size)
    turn = chance.uniform(-0.25, 0.25)
    ground = [chance.uniform(0, 255) for _ in range(3)]
    colour = [chance.uniform(0, 255) for _ in range(3)]
    while sum(abs(a - b) for a, b in zip(ground, colour)) < 120:
        colour = [chance.uniform(0, 255) for _ in range(3)]
    pixels = bytearray()
    for row in range(SIDE):
        for column in range(SIDE):
            x, y = (column - left) / size, (row - top) / size
            x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
            noise = chance.gauss(0, 20)
            pixels += bytes(min(max(int(c + noise), 0), 255) for c in (colour if inside(shape, x, y) else ground))
    return bytes(pixels), [left / SIDE, top / SIDE, size / SIDE]


def shapes(kinds, count, seed):
    for i in range(count):
        chance = random.Random(seed * 1_000_003 + i)
        label = chance.randrange(len(kinds))
        yield label, *drawn(kinds[label], chance)


def cifar(files):
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            sys.exit(f"{file}: {error.strerror}. --source is the folder cifar-10-batches-bin of CIFAR-10's binary version")
        if not content or len(content) % 3073 != 0:
            sys.exit(f"{file}: not a file of CIFAR-10's binary version: {len(content)} bytes are no multiple of 3073")
        for at in range(0, len(content), 3073):
            planes = content[at + 1:at + 3073]
            yield content[at], bytes(planes[channel * 1024 + i] for i in range(1024) for channel in range(3)), []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="folder with CIFAR-10's data_batch_1.bin ... (default: shapes)")
    parser.add_argument("--count", type=int, default=10000, help="shapes to train on (%(default)s)")
    parser.add_argument("--test", type=int, help="shapes to test (default: a fifth as many)")
    parser.add_argument("--other", action="store_true", help="draw the five other shapes")
    parser.add_argument("--places", action="store_true", help="also write where the shapes are")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent, help="folder to write into")
    options = parser.parse_args()
    if options.count < 5:
        parser.error(f"--count must be at least 5, got {options.count}")
    if options.source and (options.places or options.other):
        parser.error("--places and --other are about shapes; CIFAR-10 has none")
    if options.source:
        parts = {"train": cifar([options.source / f"data_batch_{i}.bin" for i in range(1, 6)]),
                 "test": cifar([options.source / "test_batch.bin"])}
        names = (options.source / "batches.meta.txt").read_text().split()
    else:
        names = OTHER if options.other else SHAPES
        test = options.count // 5 if options.test is None else options.test
        parts = {"train": shapes(names, options.count, 1), "test": shapes(names, test, 2)}
    for name, records in parts.items():
        (options.output / "data" / name).mkdir(parents=True, exist_ok=True)
        lines = ["@FILE\tSTRING" + ("\tSTRING" if options.places else "")]
        for i, (label, pixels, place) in enumerate(records):
            (options.output / "data" / name / f"{i:05}.png").write_bytes(png(pixels))
            line = f"data/{name}/{i:05}.png\t{label}"
            lines.append(line + "\t" + " ".join(f"{number:.4f}" for number in place) if options.places else line)
        (options.output / f"{name}.tsv").write_text("\n".join(lines) + "\n")
        print(f"{options.output}: {len(lines) - 1} pictures in {name}.tsv")
    (options.output / "labels.txt").write_text("\n".join(names) + "\n")


if __name__ == "__main__":
    main()

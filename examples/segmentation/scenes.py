#!/usr/bin/python3
"""Makes what the model here trains on: scenes of discs, squares and triangles, and for each pixel what it shows.

Each scene is a colour PNG of 64 × 64 with one to four shapes in random colours, places and sizes on a striped ground, later ones
over earlier ones. Its mask is a gray PNG of the same size: 0 ground, 1 disc, 2 square, 3 triangle. Writes into --output:
train/00000.png, train/00000-mask.png ..., test/..., train.tsv, test.tsv and labels.txt. Needs nothing but Python's standard library.
"""
import argparse
import math
import random
import struct
import zlib
from pathlib import Path

SIDE = 64
KINDS = ["ground", "disc", "square", "triangle"]


def png(pixels, channels):
    """An 8-bit PNG of rows of gray or of r, g, b."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + pixels[y * SIDE * channels:(y + 1) * SIDE * channels] for y in range(SIDE))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0 if channels == 1 else 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def inside(kind, x, y):
    """Whether a point of [-1, 1]² belongs to the shape."""
    return {1: x * x + y * y < 1, 2: max(abs(x), abs(y)) < 0.85, 3: -0.8 < y < 0.8 and abs(x) < (y + 0.8) / 1.6}[kind]


def scene(chance):
    """Pixels and mask."""
    def colour():
        return [chance.uniform(0, 255) for _ in range(3)]

    first, second, width, lean = colour(), colour(), chance.uniform(4, 12), chance.uniform(-1, 1)
    picture = [first if (x + lean * y) % (2 * width) < width else second for y in range(SIDE) for x in range(SIDE)]
    mask = bytearray(SIDE * SIDE)
    for _ in range(chance.randint(1, 4)):
        kind, size, turn, paint = chance.randint(1, 3), chance.uniform(7, 18), chance.uniform(-0.4, 0.4), colour()
        left, top = chance.uniform(0, SIDE), chance.uniform(0, SIDE)
        for row in range(max(0, int(top - 1.5 * size)), min(SIDE, int(top + 1.5 * size) + 1)):
            for column in range(max(0, int(left - 1.5 * size)), min(SIDE, int(left + 1.5 * size) + 1)):
                x, y = (column - left) / size, (row - top) / size
                if inside(kind, x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)):
                    picture[row * SIDE + column] = paint
                    mask[row * SIDE + column] = kind
    noisy = bytes(min(max(int(value + chance.gauss(0, 15)), 0), 255) for pixel in picture for value in pixel)
    return noisy, bytes(mask)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="scenes to train on; a tenth as many to test (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent / "data", help="folder to write into")
    options = parser.parse_args()
    if options.count < 10:
        parser.error(f"--count must be at least 10, got {options.count}")
    for seed, (name, count) in enumerate([("train", options.count), ("test", options.count // 10)]):
        chance = random.Random(seed)
        (options.output / name).mkdir(parents=True, exist_ok=True)
        lines = ["@FILE\tFILE"]
        for number in range(count):
            pixels, mask = scene(chance)
            (options.output / name / f"{number:05}.png").write_bytes(png(pixels, 3))
            (options.output / name / f"{number:05}-mask.png").write_bytes(png(mask, 1))
            lines.append(f"{name}/{number:05}.png\t{name}/{number:05}-mask.png")
        (options.output / f"{name}.tsv").write_text("\n".join(lines) + "\n")
        print(f"{options.output}: {count} scenes in {name}.tsv")
    (options.output / "labels.txt").write_text("\n".join(KINDS) + "\n")


if __name__ == "__main__":
    main()

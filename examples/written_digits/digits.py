#!/usr/bin/python3
"""Makes what the model here trains on: lines of handwritten digits, as PNG files with manifests.

The digits are the 1,797 pictures of 8 × 8 pixels that scikit-learn ships (from the UCI repository), --source its wheel or its file
digits.csv.gz; without it that of the installed scikit-learn. The first 1,500 are for training, the others, by other hands, for
testing. Writes into --output: data/train/00000.png ..., data/test/00000.png ..., train.tsv and test.tsv: lines of three to five
digits at uneven distances. Needs nothing but Python's standard library.
"""
import argparse
import gzip
import importlib.util
import random
import struct
import sys
import zipfile
import zlib
from pathlib import Path

INSIDE = "sklearn/datasets/data/digits.csv.gz"
SIDE = 8
SCALE = 2  # of digits in lines
WIDTH = 96  # of lines
TRAINING = 1500  # of the digits


def read(source):
    """Pairs of a digit and its pixels, from 0 to 255."""
    try:
        if source is None:
            found = importlib.util.find_spec("sklearn")
            if found is None:
                sys.exit("scikit-learn is not there: pip install scikit-learn, or name its wheel: --source FILE")
            source = Path(found.origin).parents[1] / INSIDE
        content = zipfile.ZipFile(source).read(INSIDE) if source.suffix == ".whl" else source.read_bytes()
        rows = [[int(float(number)) for number in line.split(",")] for line in gzip.decompress(content).decode().split()]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        sys.exit(f"{source}: not the digits of scikit-learn: {error}")
    return [(row[-1], [min(number * 16, 255) for number in row[:-1]]) for row in rows]


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows):
    """An 8-bit gray PNG."""
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))) + chunk(b"IEND", b""))


def line_of(digits, chance):
    """Some digits side by side, larger, with gaps that take what is left."""
    rows = [[0] * WIDTH for _ in range(SIDE * SCALE)]
    left = WIDTH - len(digits) * SIDE * SCALE
    cuts = sorted(chance.uniform(0, left) for _ in digits)
    for i, (_, pixels) in enumerate(digits):
        begin = int(cuts[i]) + i * SIDE * SCALE
        for y in range(SIDE * SCALE):
            for x in range(SIDE * SCALE):
                rows[y][begin + x] = pixels[y // SCALE * SIDE + x // SCALE]
    return rows


def write(output, name, records):
    """Pictures and their manifest."""
    (output / "data" / name).mkdir(parents=True, exist_ok=True)
    lines = ["@FILE\tSTRING"]
    for i, (rows, said) in enumerate(records):
        (output / "data" / name / f"{i:05}.png").write_bytes(png(rows))
        lines.append(f"data/{name}/{i:05}.png\t{said}")
    (output / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    print(f"{output}: {len(lines) - 1} pictures in {name}.tsv")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="scikit-learn's wheel or digits.csv.gz (default: the installed one's)")
    parser.add_argument("--count", type=int, default=6000, help="lines to train on; a tenth as many to test (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent, help="folder to write into")
    options = parser.parse_args()
    digits = read(options.source)
    train, test = digits[:TRAINING], digits[TRAINING:]
    for seed, (name, source, count) in enumerate([("train", train, options.count), ("test", test, options.count // 10)]):
        chance = random.Random(seed)
        drawn = [[chance.choice(source) for _ in range(chance.randint(3, 5))] for _ in range(count)]
        write(options.output, name, [(line_of(line, chance), "".join(str(label) for label, _ in line)) for line in drawn])


if __name__ == "__main__":
    main()

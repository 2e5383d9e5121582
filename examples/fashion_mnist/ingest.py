#!/usr/bin/python3
"""Turns Debian's package dataset-fashion-mnist into PNG files, manifests and label names.

Writes into --output: data/train/00000.png ..., data/test/00000.png ..., labels.txt, train.tsv and test.tsv.
Needs nothing but Python's standard library. A second run sees that all is there and does nothing.
"""
import argparse
import gzip
import math
import multiprocessing
import os
import struct
import sys
import time
import zlib
from pathlib import Path

LABELS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
PARTS = [("train", "train"), ("test", "t10k")]  # our name, the package's name
CHUNK = 1000  # images that one task writes
VERSION = "1\n"  # content of the marker; change it when the output changes


def read_idx(path, dimensions):
    """The extents and bytes of an IDX file (http://yann.lecun.com/exdb/mnist, 'FILE FORMATS')."""
    try:
        with gzip.open(path) as file:
            data = file.read()
    except FileNotFoundError:
        sys.exit(f"{path}: no such file. Install the data: apt-get install dataset-fashion-mnist "
                 "(or name another folder: --source)")
    except (OSError, EOFError, zlib.error) as error:
        sys.exit(f"{path}: cannot be read: {error}. Install it again: apt-get install --reinstall dataset-fashion-mnist")
    header = 4 + 4 * dimensions
    if len(data) < header or data[:4] != bytes([0, 0, 8, dimensions]):
        sys.exit(f"{path}: not an IDX file of bytes with {dimensions} dimensions")
    extents = struct.unpack(f">{dimensions}I", data[4:header])
    size = math.prod(extents)
    if len(data) != header + size:
        sys.exit(f"{path}: expected {header + size} bytes for extents {extents}, got {len(data)}")
    return extents, data[header:]


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def gray_png(pixels, width, height):
    """An 8-bit gray PNG of row-major pixels; every row has filter 0."""
    rows = b"".join(b"\0" + pixels[y * width:(y + 1) * width] for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def write_images(task):
    folder, first, pixels, width, height = task
    size = width * height
    count = len(pixels) // size
    for i in range(count):
        with open(f"{folder}/{first + i:05}.png", "wb") as file:
            file.write(gray_png(pixels[i * size:(i + 1) * size], width, height))
    return count


def write_text(path, text):
    """All of it or nothing."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def main():
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=Path("/usr/share/datasets/fashion-mnist"),
                        help="folder with the four IDX files (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=here, help="folder to write into (default: %(default)s)")
    parser.add_argument("--count", type=int, default=None, help="only the first so many images of each part (all)")
    options = parser.parse_args()
    if options.count is not None and options.count < 1:
        parser.error(f"--count must be at least 1, got {options.count}")
    output = options.output
    marker = output / "data" / "complete"
    version = VERSION if options.count is None else f"{VERSION.strip()}, {options.count} images\n"
    products = [output / "labels.txt"] + [output / f"{name}.tsv" for name, _ in PARTS]
    if marker.is_file() and marker.read_text() == version and all(product.is_file() for product in products):
        print(f"{output}: Fashion-MNIST is complete already")
        return

    tasks, manifests = [], {}
    for name, prefix in PARTS:
        (count, height, width), pixels = read_idx(options.source / f"{prefix}-images-idx3-ubyte.gz", 3)
        (label_count,), labels = read_idx(options.source / f"{prefix}-labels-idx1-ubyte.gz", 1)
        if label_count != count or (labels and max(labels) >= len(LABELS)):
            sys.exit(f"{options.source}: {count} {name} images but {label_count} labels, the largest {max(labels, default=0)}")
        count = min(count, options.count or count)
        labels = labels[:count]
        folder = output / "data" / name
        folder.mkdir(parents=True, exist_ok=True)
        size = width * height
        tasks += [(str(folder), first, pixels[first * size:min(first + CHUNK, count) * size], width, height)
                  for first in range(0, count, CHUNK)]
        manifests[name] = "@FILE\tSTRING\n" + "".join(f"data/{name}/{i:05}.png\t{label}\n" for i, label in enumerate(labels))

    start = time.monotonic()
    total = sum(len(text.splitlines()) - 1 for text in manifests.values())
    done = 0
    with multiprocessing.Pool() as pool:
        for count in pool.imap_unordered(write_images, tasks):
            done += count
            if sys.stdout.isatty():
                print(f"\r{done:6} of {total} images", end="", flush=True)
    for name, text in manifests.items():
        write_text(output / f"{name}.tsv", text)
    write_text(output / "labels.txt", "".join(label + "\n" for label in LABELS))
    write_text(marker, version)
    if sys.stdout.isatty():
        print("\r", end="")
    print(f"{output}: {total} images, train.tsv, test.tsv, labels.txt in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"cannot write: {error}")

#!/usr/bin/env python3
"""Every example trains, here a few steps on made-up pictures of the size and number of columns that its file asks for.

Usage: examples_test.py PROGRAMS_FOLDER
"""
import random
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()
EXAMPLES = harness.TOP / "examples"
MODELS = sorted(EXAMPLES.glob("*/*.yaml"))
CLASSES = 10


def make_pictures(folder, manifest, size, count):
    """Noise with a bright bar whose place is the class."""
    chance = random.Random(size)
    lines = ["@FILE\tSTRING"]
    (folder / f"{size}").mkdir(parents=True, exist_ok=True)
    for i in range(count):
        label = i % CLASSES
        pixels = bytearray(chance.randbytes(size * size))
        for y in range(size * label // CLASSES, size * (label + 1) // CLASSES):
            pixels[y * size:(y + 1) * size] = bytes([255]) * size
        (folder / f"{size}" / f"{i}.png").write_bytes(harness.png(size, size, bytes(pixels)))
        lines.append(f"{folder}/{size}/{i}.png\t{label}")
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text("\n".join(lines) + "\n")


class Examples(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="ncloud-examples-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def train(self, model, epochs):
        """Costs of the epochs of a shortened training."""
        text = model.read_text()
        large = "height: 224" in text
        text = text.replace("224", "64")  # networks for photos become small ones
        copy = self.folder / model.parent.name / model.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text)
        size = int(re.search(r"height: (\d+)", text).group(1))
        for key, name in re.findall(r"^  (train|eval|labels): (\S+)$", text, re.MULTILINE):
            path = (copy.parent / name).resolve()
            path.parent.mkdir(exist_ok=True)
            if key == "labels":
                path.write_text("".join(f"class {i}\n" for i in range(CLASSES)))
            else:
                make_pictures(self.folder / "pictures", path, size, 8 if large else 128)
        done = subprocess.run(
            [PROGRAMS / "neon", copy, "--epochs", str(1 if large else epochs), "--batch_size", str(8 if large else 32),
             "--rng_seed", "1", "--threads", "1", "--save_path", self.folder / "model.safetensors"],
            capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        costs = [float(cost) for cost in re.findall(r"Epoch \d+ +\[Train (-?[0-9.]+) cost", done.stdout)]
        self.assertEqual(len(costs), 1 if large else epochs, done.stdout)
        return costs

    def test_models_train(self):
        self.assertTrue(MODELS)
        for model in MODELS:
            with self.subTest(model=model.relative_to(EXAMPLES)):
                costs = self.train(model, 3)
                if "GANCost" not in model.read_text():
                    self.assertTrue(len(costs) == 1 or costs[-1] < costs[0], costs)

    def test_a_generator_makes_pictures(self):
        self.train(EXAMPLES / "gan" / "dcgan.yaml", 1)
        picture = self.folder / "samples.png"
        for expected in (True, False):
            subprocess.run([PROGRAMS / "neon", "predict", self.folder / "model.safetensors", "--samples", "5", "--output", picture,
                            "--rng_seed", "7" if expected else "8"], check=True, timeout=60)
            if expected:
                first = picture.read_bytes()
        self.assertTrue(first.startswith(b"\x89PNG"))
        self.assertNotEqual(first, picture.read_bytes())

    def test_scripts_make_the_data(self):
        for name, options in (("fashion_mnist/ingest.py", ["--count", "6"]), ("cifar10/pictures.py", ["--count", "10"])):
            output = self.folder / name
            subprocess.run([sys.executable, EXAMPLES / name, *options, "--output", output], check=True,
                           stdout=subprocess.DEVNULL, timeout=60)
            subprocess.run([PROGRAMS / "neon", "--check", output / "train.tsv", "--labels", output / "labels.txt"], check=True,
                           capture_output=True, timeout=60)

    def test_each_has_a_readme_and_the_overview_knows_it(self):
        overview = (EXAMPLES / "README.md").read_text()
        for model in MODELS:
            self.assertTrue((model.parent / "README.md").is_file() or model.parent.name == "fashion_mnist", model)
            self.assertIn(f"({model.parent.name}/{model.name})", overview)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

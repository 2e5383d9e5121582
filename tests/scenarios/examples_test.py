#!/usr/bin/env python3
"""Every example trains, here a few steps: on what its own script makes, less of it, or on made-up pictures of the size that its
file asks for.

Usage: examples_test.py PROGRAMS_FOLDER
"""
import gzip
import io
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()
EXAMPLES = harness.TOP / "examples"
MODELS = sorted(EXAMPLES.glob("*/*.yaml"))
CLASSES = 10
# Scripts that make an example's data, and how they make little of it; {} is a folder with what write_sources() puts there. Those in
# OWN_DATA are trained on it, the others on pictures from here.
SCRIPTS = {
    "cifar10": ["pictures.py", "--count", "10"],
    "fashion_mnist": ["ingest.py", "--count", "6"],
    "fine_tuning": ["../cifar10/pictures.py", "--other", "--count", "50", "--test", "32"],
    "language": ["text.py", "--source", "{}/text.txt", "--characters", "40", "--words", "8"],
    "multi_task": ["../cifar10/pictures.py", "--places", "--count", "64"],
    "segmentation": ["scenes.py", "--count", "32"],
    "sentiment": ["reviews.py", "--source", "{}/reviews.tar.gz"],
    "seq2seq": ["dates.py", "--count", "128"],
    "spoken_digits": ["digits.py", "--speaker", "{}/speaker", "--times", "1", "--numbers", "64"],
    "timeseries": ["curves.py", "--count", "128"],
    "written_digits": ["digits.py", "--source", "{}/digits.csv.gz", "--count", "64"],
}
OWN_DATA = SCRIPTS.keys() - {"cifar10", "fashion_mnist"}


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


def write_sources(folder):
    """What scripts make data of where packages are not there: a text, a program that speaks, and reviews in the form of a
    source package."""
    chance = random.Random(1)
    words = {False: ["dull", "slow", "flat"], True: ["warm", "bright", "quick"]}

    def sentence(kind):
        return " ".join(["The", chance.choice(words[kind]), "film", "is", chance.choice(words[kind]), "."])

    (folder / "text.txt").write_text("\n".join(sentence(chance.random() < 0.5) for _ in range(240)))
    speaker = folder / "speaker"
    speaker.write_text(SPEAKER.format(python=sys.executable))
    speaker.chmod(0o755)
    digits = [",".join(["16" if i % 8 < label else "0" for i in range(64)] + [str(label)]) for label in range(10)] * 160
    (folder / "digits.csv.gz").write_bytes(gzip.compress("\n".join(digits).encode()))
    ratings = "".join(f"{i}\t{2 if i % 2 else -2}\t{sentence(i % 2 == 1)}\r\n" for i in range(160)).encode()

    def archive(name, content, target):
        with tarfile.open(fileobj=target, mode="w:gz") as packed:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))

    inner = io.BytesIO()
    archive("hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt", ratings, inner)
    with open(folder / "reviews.tar.gz", "wb") as outer:
        archive("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz", inner.getvalue(), outer)


SPEAKER = """#!{python}
import math, struct, sys, wave
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
if "--voices=variant" in sys.argv:
    print("".join(f" 5  variant  --/M  V{{i}}  !v/v{{i}}  \\n" for i in range(5)))
else:
    pitches = [300 * 1.25 ** DIGITS.index(word) for word in sys.argv[-1].split()]
    with wave.open(sys.argv[sys.argv.index("-w") + 1], "wb") as file:
        file.setparams((1, 2, 22050, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(pitch * i / 3500))) for pitch in pitches
                                  for i in range(8000)))
"""


class Examples(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="ncloud-examples-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        write_sources(self.folder)

    def run_script(self, example, output):
        script, *options = SCRIPTS[example]
        done = subprocess.run([sys.executable, EXAMPLES / example / script, *(word.format(self.folder) for word in options), "--output", output],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def make_data(self, model, large):
        """All that the copy of a model file names."""
        text = model.read_text()
        if (example := model.parent.name) in OWN_DATA:
            if not (model.parent / "data").exists():
                inside = "data/" in text
                self.run_script(example, model.parent / "data" if inside else model.parent)
            if before := re.search(r"^start_from: (\S+)$", text, re.MULTILINE):  # what another example's training ends with
                other = Path(before.group(1))
                self.train(EXAMPLES / other.parent.name / f"{other.stem}.yaml", 1, model.parent / other)
            return
        size = int(re.search(r"height: (\d+)", text).group(1))
        for key, name in re.findall(r"^  (train|eval|labels): (\S+)$", text, re.MULTILINE):
            path = (model.parent / name).resolve()
            path.parent.mkdir(exist_ok=True)
            if key == "labels":
                path.write_text("".join(f"class {i}\n" for i in range(CLASSES)))
            else:
                make_pictures(self.folder / "pictures", path, size, 8 if large else 128)

    def train(self, model, epochs, result=None):
        """Costs of the epochs of a shortened training."""
        text = model.read_text()
        large = "height: 224" in text
        text = text.replace("224", "64")  # networks for photos become small ones
        copy = self.folder / model.parent.name / model.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text.replace("max_length: 100", "max_length: 40").replace("max_length: 32", "max_length: 8"))
        self.make_data(copy, large)
        done = subprocess.run(
            [PROGRAMS / "neon", copy, "--epochs", str(1 if large else epochs), "--batch_size", str(8 if large else 32),
             "--rng_seed", "1", "--threads", "1", "--save_path", result or self.folder / "model.safetensors"],
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

    def test_a_mask_is_answered_as_such(self):
        self.train(EXAMPLES / "segmentation" / "unet.yaml", 1)
        picture, mask = self.folder / "segmentation" / "data" / "test" / "00000.png", self.folder / "mask.png"
        shares = subprocess.run([PROGRAMS / "neon", "predict", self.folder / "model.safetensors", picture], check=True,
                                capture_output=True, text=True, timeout=60).stdout.splitlines()[1:]
        self.assertAlmostEqual(sum(float(row.split()[0].rstrip("%")) for row in shares), 100, delta=0.03)
        subprocess.run([PROGRAMS / "neon", "predict", self.folder / "model.safetensors", picture, "-o", mask], check=True, timeout=60)
        # The answer has the form of the masks that it learned from.
        self.assertEqual(mask.read_bytes()[16:24], picture.read_bytes()[16:24])
        twice = subprocess.run([PROGRAMS / "neon", "predict", self.folder / "model.safetensors", picture, picture, "-o", mask],
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(twice.returncode, 2)
        self.assertIn("give one file", twice.stderr)

    def test_numbers_and_texts_are_answered_as_such(self):
        def predict(text, *options):
            done = subprocess.run([PROGRAMS / "neon", "predict", self.folder / "model.safetensors", "-", *options], input=text,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return [line.split() for line in done.stdout.splitlines()[1:]]

        self.train(EXAMPLES / "timeseries" / "lstm.yaml", 1)
        self.assertEqual([row[1] for row in predict(" ".join(["-0.5"] * 16 + ["0.5"] * 16))], ["0", "1"])
        self.train(EXAMPLES / "sentiment" / "lstm.yaml", 20)
        self.assertEqual(predict("The warm film is bright, The quick film is warm.\n")[0][2], "friendly")
        self.assertEqual(predict("the dull film is slow\n", "-k", "1")[0][2], "unfriendly")

    def test_every_output_is_told(self):
        self.train(EXAMPLES / "multi_task" / "shapes.yaml", 1)
        told = subprocess.run([PROGRAMS / "neon", "predict", self.folder / "model.safetensors", self.folder / "multi_task/data/test/00000.png", "-k", "2"],
                              check=True, capture_output=True, text=True, timeout=60).stdout
        what, where = told.split(" output 1\n")
        self.assertIn(" output 0\n", what)
        self.assertEqual([line.split()[1] for line in where.splitlines()], ["0", "1"])

    def test_texts_go_through_the_cloud(self):
        self.run_script("sentiment", self.folder / "sentiment" / "data")
        model = self.folder / "sentiment" / "lstm.yaml"
        model.write_text((EXAMPLES / "sentiment" / "lstm.yaml").read_text())
        (self.folder / "review.txt").write_text("The warm film is bright.\n")
        with harness.Cloud(PROGRAMS) as cloud:
            for name in ("train", "test"):
                cloud.cli("dataset", "upload", self.folder / "sentiment" / "data" / f"{name}.tsv", "--name", name)
            cloud.cli("model", "train", model, "--dataset", "train", "--dataset", "eval:test", "--name", "it", "--epochs", "20", "--follow")
            cloud.cli("model", "deploy", "it")
            self.assertIn("friendly", cloud.cli("model", "predict", "it", self.folder / "review.txt", "-k", "1"))

    def test_scripts_make_pictures_and_sounds(self):
        for name in ("fashion_mnist", "cifar10", "spoken_digits"):
            output = self.folder / name
            self.run_script(name, output)
            subprocess.run([PROGRAMS / "neon", "--check", output / "train.tsv", "--labels", output / "labels.txt"], check=True,
                           capture_output=True, timeout=60)

    def test_each_has_a_readme_and_the_overview_knows_it(self):
        overview = (EXAMPLES / "README.md").read_text()
        for model in MODELS:
            self.assertTrue((model.parent / "README.md").is_file() or model.parent.name == "fashion_mnist", model)
            self.assertIn(f"({model.parent.name}/{model.name})", overview)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

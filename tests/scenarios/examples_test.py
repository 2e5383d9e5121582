#!/usr/bin/env python3
"""Every example on the pictures of Fashion-MNIST trains, here on a few hundred pictures.

Usage: examples_test.py PROGRAMS_FOLDER
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()
EXAMPLES = harness.TOP / "examples"
MODELS = [path for path in sorted(EXAMPLES.glob("*/*.yaml")) if "../fashion_mnist/" in path.read_text()]


class Examples(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="ncloud-examples-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        subprocess.run([sys.executable, EXAMPLES / "fashion_mnist" / "ingest.py", "--count", "512", "--output",
                        self.folder / "fashion_mnist"], check=True, stdout=subprocess.DEVNULL)

    def test_models_learn(self):
        self.assertTrue(MODELS)
        environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        for model in MODELS:
            with self.subTest(model=model.relative_to(EXAMPLES)):
                copy = self.folder / model.parent.name / model.name
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(model, copy)
                done = subprocess.run(["neon", copy, "--epochs", "4", "--batch_size", "32", "--rng_seed", "1", "--threads", "1"],
                                      env=environment, capture_output=True, text=True, timeout=300)
                self.assertEqual(done.returncode, 0, done.stderr)
                costs = [float(cost) for cost in re.findall(r"Epoch \d+ +\[Train ([0-9.]+) cost", done.stdout)]
                self.assertGreater(len(costs), 1, done.stdout)
                self.assertLess(costs[-1], costs[0], done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

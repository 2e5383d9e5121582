#!/usr/bin/env python3
"""Runs every command of docs/tutorial/your-own-images.md, in order, in an empty folder.

Usage: tutorial_test.py PROGRAMS_FOLDER
"""
import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = Path(harness.programs_folder()).resolve()
TUTORIAL = harness.TOP / "docs/tutorial/your-own-images.md"


class Tutorial(unittest.TestCase):
    def test_your_own_images(self):
        with harness.Cloud(PROGRAMS) as cloud:
            folder = Path(cloud.scratch.name) / "work"
            folder.mkdir()
            environment = cloud.environment()
            environment["PATH"] = f"{PROGRAMS}:{environment['PATH']}"
            blocks = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
            self.assertGreater(len(blocks), 6)
            said = ""
            for block in blocks:
                done = subprocess.run(["bash", "-e", "-c", block], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
                self.assertEqual(done.returncode, 0, f"{block}\n{done.stdout}")
                said += done.stdout
            accuracy = {name: json.loads(cloud.cli("model", "show", name, "-o", "json"))["metrics"]["Accuracy"]
                        for name in ["first", "better"]}
            self.assertLess(accuracy["first"], 0.7, accuracy)
            self.assertGreater(accuracy["better"], 0.95, accuracy)
            self.assertRegex(said, r"pictures/dots/000.png +\d\.\d+ +1 +dots")
            self.assertRegex(said, r"pictures/stripes/010.png +\d\.\d+ +2 +stripes")


if __name__ == "__main__":
    unittest.main(verbosity=2)

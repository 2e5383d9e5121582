#!/usr/bin/env python3
"""`neon` at a terminal: its live line, what it says before the first step, how it stops and goes on.

Usage: neon_test.py PROGRAMS_FOLDER
"""
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()
ENVIRONMENT = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}


def set_columns(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


class Neon(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="neon-test-")
        self.folder = Path(self.scratch.name) / "my models"
        harness.make_bars(self.folder, count=64)
        self.model = harness.bars_model(self.folder, epochs=1)
        self.text = self.model.read_text()
        if "train:" not in self.text:
            self.text = self.text.replace("dataset:", "dataset:\n  train: train.tsv", 1)
            self.model.write_text(self.text)

    def tearDown(self):
        self.scratch.cleanup()

    def run_neon(self, *words, expect=0):
        done = subprocess.run(["neon", self.model, "--threads", "1", *words], env=ENVIRONMENT, capture_output=True,
                              text=True, cwd=self.folder, timeout=120)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done

    def start(self, *words, columns=80, stderr=None):
        """neon on a terminal of its own; what it shows so far is read until it stops by itself or `stop` is called."""
        master, slave = pty.openpty()
        set_columns(slave, columns)
        process = subprocess.Popen(["neon", self.model, "--threads", "1", "-e", "100000", *words], env=ENVIRONMENT,
                                   stdin=subprocess.DEVNULL, stdout=slave, stderr=stderr or slave, cwd=self.folder)
        os.close(slave)
        return process, master

    def read_for(self, master, seconds):
        shown, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([master], [], [], left)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:  # the program has ended
                    break
        return shown.decode()

    def test_live_line_fits_and_survives_narrowing(self):
        process, master = self.start()
        try:
            for columns in (80, 40, 20):
                set_columns(master, columns)
                self.read_for(master, 0.3)
                # A live line is cleared; the line of an epoch that has ended ends with a new line and may wrap.
                live = re.findall(r"(Epoch [^\r\n\x1b]*)(?=\r?\x1b)", self.read_for(master, 1))
                self.assertTrue(live)
                self.assertLess(max(map(len, live)), columns, live)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            os.close(master)

    def test_no_live_line_when_one_stream_is_no_terminal(self):
        process, master = self.start(stderr=subprocess.DEVNULL)
        try:
            self.assertNotIn("\x1b", self.read_for(master, 1))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            os.close(master)

    def test_the_hint_after_a_stop_works_as_it_is(self):
        process = subprocess.Popen(["neon", self.model, "-e", "100000", "-s", "kept it.st", "-H", "2", "--threads", "1"],
                                   env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        process.stdout.readline()  # an epoch has ended
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        command = told.split("go on with: ")[1].strip()
        kept = shlex.split(command)[-1]
        self.assertTrue((self.folder / kept).exists(), command)
        epoch = int(re.search(r"_(\d+)\.st$", kept)[1])
        done = subprocess.run(f"{command} -e {epoch + 1}", shell=True, env=ENVIRONMENT, cwd=self.folder,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_absent_seed_is_drawn_and_kept(self):
        self.model.write_text(re.sub(r"(?m)^(rng_)?seed:.*\n", "", self.text))
        self.run_neon("-s", "a.st")
        self.run_neon("-s", "b.st")
        self.assertNotEqual((self.folder / "a.st").read_bytes(), (self.folder / "b.st").read_bytes())
        self.run_neon("-s", "a2.st", "-e", "2", "--model_file", "a.st")  # with the checkpoint's own seed
        refused = self.run_neon("-e", "2", "--model_file", "a.st", "-r", "7", expect=2)
        self.assertIn("seed", refused.stderr)

    def test_likely_mistakes_are_told_before_the_first_step(self):
        self.model.write_text(self.text.replace("cost: CrossEntropyMulti", "cost: MeanSquared"))
        self.assertIn("CrossEntropyMulti", self.run_neon().stderr)

    def test_what_diverges_is_not_kept(self):
        self.model.write_text(re.sub(r"learning_rate: [0-9.e-]+", "learning_rate: 1.0e+30", self.text))
        refused = self.run_neon("-s", "never.st", expect=2)
        self.assertRegex(refused.stderr, r"step \d+")
        self.assertRegex(refused.stderr, r"layer '")
        self.assertFalse((self.folder / "never.st").exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

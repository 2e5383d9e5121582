#!/usr/bin/env python3
"""The command line as a person uses it: one command right after its opposite, names for numbers, several at once.

Usage: client_test.py PROGRAMS_FOLDER
"""
import fcntl
import json
import os
import pty
import subprocess
import sys
import termios
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = harness.Cloud(PROGRAMS)
        cls.folder = Path(cls.cloud.scratch.name) / "bars"
        manifest = harness.make_bars(cls.folder)
        cls.cloud.cli("dataset", "upload", manifest, "--name", "bars")
        cls.short_file = harness.bars_model(cls.folder, epochs=1, name="short.yaml")
        cls.long_file = harness.bars_model(cls.folder, epochs=100000, name="long.yaml")

    @classmethod
    def tearDownClass(cls):
        cls.cloud.__exit__()

    def train(self, file, name):
        return self.cloud.train(file, {"train": "bars"}, name=name, cpus=1, memory="512MiB")

    def test_stop_then_resume_and_undeploy_then_deploy(self):
        model = self.train(self.long_file, "opposites")
        self.cloud.wait(model, "running")
        for _ in range(3):
            self.assertIn("is stopped", self.cloud.cli("model", "stop", model))
            self.assertIn("goes on", self.cloud.cli("model", "resume", model))
        self.cloud.cli("model", "stop", "--no-wait", model)
        self.cloud.cli("model", "resume", "opposites", "--cpus", "1")
        self.cloud.cli("model", "stop", "opposites")
        for _ in range(3):
            self.assertIn("is deployed", self.cloud.cli("model", "deploy", model))
            self.cloud.cli("model", "predict", model, self.folder / "images/00002.png")
            self.assertIn("is not deployed any more", self.cloud.cli("model", "undeploy", model))
        self.cloud.cli("model", "deploy", model)
        self.cloud.cli("model", "undeploy", model, "--no-wait")
        self.cloud.cli("model", "deploy", model)
        self.cloud.cli("undeploy", "opposites")
        self.assertIn("removed", self.cloud.cli("model", "rm", "opposites"))

    def test_an_interrupted_question_leaves_the_terminal_as_it_was(self):
        def echoes():
            return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

        person, terminal = pty.openpty()
        try:
            client = subprocess.Popen(
                [PROGRAMS / "ncloud", "login", "ada"], env=self.cloud.environment(), start_new_session=True,
                stdin=terminal, stdout=terminal, stderr=terminal,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            said = b""
            while b"password" not in said:
                said += os.read(person, 1000)
            self.assertFalse(echoes())
            os.write(person, b"half of a sec\x03")
            self.assertEqual(client.wait(60), 130)
            self.assertTrue(echoes())
        finally:
            os.close(person)
            os.close(terminal)

    def test_names_several_at_once_and_the_submitted_file(self):
        one, two = self.train(self.short_file, "pair one"), self.train(self.short_file, "pair two")
        self.cloud.wait(one, "completed")
        self.cloud.wait(two, "completed")
        self.assertEqual(self.cloud.cli("model", "show", "pair one", "--file"), self.short_file.read_text())
        self.assertEqual(json.loads(self.cloud.cli("model", "show", "pair two", "-o", "json"))["id"], two)
        self.cloud.cli("model", "rename", two, "pair one")
        message = self.cloud.cli("model", "show", "pair one", expect=6)
        self.assertIn(f"{two}, {one}", message)
        message = self.cloud.cli("model", "rm", one, 999999, two, expect=5)
        self.assertIn("no model 999999", message)
        self.cloud.cli("model", "show", one, expect=5)
        self.cloud.cli("model", "show", two, expect=5)

    def test_a_checkpoint_is_no_model_file(self):
        model = self.train(self.short_file, "exported")
        self.cloud.wait(model, "completed")
        file = self.folder / "exported.safetensors"
        self.cloud.cli("model", "export", "exported", "-f", file)
        message = self.cloud.cli("model", "train", file, "--dataset", "bars", expect=2)
        self.assertIn("a checkpoint (safetensors), not a model file", message)

    def test_completion_knows_what_is_on_the_server(self):
        self.assertIn("bars\t", self.cloud.cli("complete", "--", "dataset", "show", "ba"))
        script = self.folder / "complete.sh"
        script.write_text('source <(ncloud completion bash); COMP_WORDS=(ncloud dataset show ""); COMP_CWORD=3; _ncloud\n'
                          'printf "%s\\n" "${COMPREPLY[@]}"\n')
        environment = self.cloud.environment()
        environment["PATH"] = f"{Path(PROGRAMS).resolve()}:{environment['PATH']}"
        done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout.split(), ["bars"], done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)

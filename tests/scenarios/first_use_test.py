#!/usr/bin/env python3
"""From nothing to a label in five commands, as somebody who has just built the programs: no configuration, no prompts.

Usage: first_use_test.py PROGRAMS_FOLDER
"""
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()


class FirstUse(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="ncloud-test-")
        self.home = Path(self.scratch.name) / "home"
        self.home.mkdir()
        self.environment = {"HOME": str(self.home), "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "NO_COLOR": "1"}
        self.data = self.home / ".local/share/ncloud"
        self.daemons = []

    def tearDown(self):
        for daemon in self.daemons:
            self.end(daemon)
        self.scratch.cleanup()

    def start(self, *options, **environment):
        # A free port, because other tests run beside this one; that ncloud is not told is what is tested.
        daemon = subprocess.Popen(["ncloudd", "--listen", "127.0.0.1:0", *options], stdin=subprocess.DEVNULL,
                                  env={**self.environment, **environment},
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.daemons.append(daemon)
        said = ""
        for line in daemon.stdout:
            said += line
            if "http://" in line:
                return daemon, said
        raise harness.Failure(f"ncloudd ended at start: {said}")

    def end(self, daemon, how=signal.SIGTERM):
        if daemon.poll() is None:
            daemon.send_signal(how)
            daemon.wait(30)
        daemon.stdout.close()

    def run_ncloud(self, *words, expect=0, **environment):
        done = subprocess.run(["ncloud", *map(str, words)], env={**self.environment, **environment},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=300)
        self.assertEqual(done.returncode, expect, f"ncloud {words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_five_commands(self):
        folder = Path(self.scratch.name) / "bars"
        manifest, model_file = harness.make_bars(folder), harness.bars_model(folder)
        self.start()
        self.run_ncloud("dataset", "upload", manifest, "--name", "bars")
        self.run_ncloud("model", "train", model_file, "--dataset", "bars", "--follow")
        self.run_ncloud("model", "deploy", 1)
        self.assertIn("bar 2", self.run_ncloud("model", "predict", 1, folder / "images/00002.png"))

        # The second person.
        self.run_ncloud("model", "undeploy", 1)
        self.run_ncloud("tenant", "add", "vision")
        self.run_ncloud("resource", "allot", "vision", "--cpus", "1", "--memory", "1GiB")
        self.run_ncloud("user", "add", "ada", "--tenants", "vision")
        token = re.search(r"nc_[\w-]{43}", self.run_ncloud("token", "add", "ada")).group(0)
        access = self.data / "access.json"
        self.assertEqual(stat.S_IMODE(access.stat().st_mode), 0o600)
        self.assertIn("ada", self.run_ncloud("whoami", NCLOUD_TOKEN=token,
                                             NCLOUD_HOST=re.search(r"http://[\d.:]+", access.read_text()).group(0)))

    def test_the_token_goes_to_a_living_daemon_only(self):
        daemon, _ = self.start()
        before = (self.data / "access.json").read_text()
        self.end(daemon, signal.SIGKILL)
        port = int(re.search(r"127\.0\.0\.1:(\d+)", before).group(1))
        with socket.create_server(("127.0.0.1", port)) as listener:  # somebody else listens there now
            listener.settimeout(0.5)
            self.assertIn("not running", self.run_ncloud("whoami", expect=10))
            with self.assertRaises(TimeoutError):
                listener.accept()
        _, said = self.start()
        self.assertNotIn("nc_", said)
        self.run_ncloud("whoami")
        secret = re.search(r"nc_[\w-]+", before).group(0)
        self.assertIn(secret, (self.data / "access.json").read_text())  # the same token as before, not one more

    def test_a_lost_administrators_token_is_replaced_while_the_daemon_runs(self):
        self.start()
        address = re.search(r"http://[\d.:]+", (self.data / "access.json").read_text()).group(0)
        made = subprocess.run(["ncloudd", "--new-admin-token"], env=self.environment, stdout=subprocess.PIPE, text=True,
                              timeout=60, check=True).stdout
        token = re.search(r"nc_[\w-]{43}", made).group(0)
        self.assertIn("admin", self.run_ncloud("whoami", NCLOUD_TOKEN=token, NCLOUD_HOST=address))

    def test_several_daemons_and_what_is_said_wins(self):
        self.start()
        other = Path(self.scratch.name) / "other"
        self.start("--data-dir", str(other))
        self.run_ncloud("tenant", "add", "mine")
        self.run_ncloud("tenant", "add", "theirs", NCLOUD_DATA_DIR=str(other))
        self.assertIn("mine", self.run_ncloud("tenant", "ls"))
        self.assertNotIn("theirs", self.run_ncloud("tenant", "ls"))
        self.assertIn("theirs", self.run_ncloud("tenant", "ls", NCLOUD_DATA_DIR=str(other)))
        self.assertIn("127.0.0.1:1:", self.run_ncloud("tenant", "ls", NCLOUD_HOST="http://127.0.0.1:1", expect=10))


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""What is stored: many downloads and uploads at once, bytes that were damaged at rest, and a disk that is full.

Usage: storage_test.py PROGRAMS_FOLDER
"""
import hashlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()


def flip_last_byte(file):
    """As a disk does it: the file's times stay."""
    status = file.stat()
    file.chmod(0o600)
    with open(file, "r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        last = opened.read(1)[0]
        opened.seek(-1, os.SEEK_END)
        opened.write(bytes([last ^ 1]))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


class Storage(unittest.TestCase):
    def setUp(self):
        self.cloud = harness.Cloud(PROGRAMS)
        self.addCleanup(self.cloud.__exit__)
        self.folder = Path(self.cloud.scratch.name) / "bars"
        self.manifest = harness.make_bars(self.folder, count=64)
        self.model_file = harness.bars_model(self.folder, epochs=2)
        self.cloud.cli("dataset", "upload", self.manifest, "--name", "bars")
        self.model = self.cloud.train(self.model_file, {"train": "bars"}, cpus=1, memory="512MiB", seed=5)
        self.cloud.wait(self.model, "completed")

    def object_file(self, sha256):
        return self.cloud.data / "objects" / sha256[:2] / sha256[2:]

    def checkpoint_file(self):
        return self.object_file(self.cloud.get(f"/models/{self.model}")["checkpoint_sha256"])

    def health(self):
        connection = self.cloud.connection()
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        finally:
            connection.close()

    def test_downloads_beside_uploads_hang_nothing(self):
        wanted = self.cloud.get(f"/models/{self.model}")["checkpoint_sha256"]
        failures = []

        def download():
            for _ in range(60):
                status, _, content = self.cloud.raw("GET", f"/models/{self.model}/checkpoint")
                if status != 200 or hashlib.sha256(content).hexdigest() != wanted:
                    failures.append(status)

        threads = [threading.Thread(target=download, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(4):
            self.cloud.cli("dataset", "upload", self.manifest, "--name", f"copy-{number}")
            self.cloud.cli("dataset", "rm", f"copy-{number}")
        for thread in threads:
            thread.join(60)
            self.assertFalse(thread.is_alive(), "a download hangs")
        self.assertEqual(failures, [])
        self.assertEqual(self.health(), (200, b"ok\n"))
        self.cloud.process.send_signal(signal.SIGTERM)
        self.cloud.process.wait(30)

    def test_a_damaged_checkpoint_is_not_given_out_and_the_one_before_takes_its_place(self):
        before = self.cloud.get(f"/models/{self.model}")
        flip_last_byte(self.checkpoint_file())
        with self.assertRaises(http.client.IncompleteRead):
            self.cloud.raw("GET", f"/models/{self.model}/checkpoint")
        problem = self.cloud.rest("GET", f"/models/{self.model}/checkpoint", expect=500)
        self.assertEqual(problem["code"], "data_loss")
        self.assertIn(before["checkpoint_sha256"], problem["detail"])

        self.cloud.stop()
        self.cloud.start()
        self.cloud.post(f"/models/{self.model}/resume", {"epochs": 3})
        after = self.cloud.wait(self.model, "completed")
        self.assertEqual(after["epochs_completed"], 3)
        self.assertTrue(any("takes its place" in event.get("text", "")
                            for _, event in self.cloud.events(self.model, follow=False)))
        # The same bytes as a training that nothing happened to.
        twin = self.cloud.train(self.model_file, {"train": "bars"}, cpus=1, memory="512MiB", epochs=3, seed=5)
        self.assertEqual(self.cloud.wait(twin, "completed")["checkpoint_sha256"], after["checkpoint_sha256"])

    def test_nothing_trains_on_damaged_or_missing_records(self):
        shard = self.object_file(self.cloud.get("/datasets/bars/shards")["items"][0]["sha256"])
        flip_last_byte(shard)
        self.cloud.stop()
        self.cloud.start()
        model = self.cloud.train(self.model_file, {"train": "bars"}, cpus=1, memory="512MiB")
        end = time.monotonic() + 60
        while self.cloud.get(f"/models/{model}")["state"] != "error" and time.monotonic() < end:
            time.sleep(0.05)
        shown = self.cloud.get(f"/models/{model}")
        self.assertEqual(shown["state"], "error")
        self.assertIn("dataset 'bars'", shown["reason"])
        self.assertIn("damaged", shown["reason"])
        self.assertNotIn(str(self.cloud.data), shown["reason"])

        shard.unlink()
        self.cloud.stop()
        self.cloud.start()
        self.assertIn("is missing; it belongs to dataset 1 (bars)", self.cloud.log_text())
        # The same files again make it whole.
        self.cloud.cli("dataset", "upload", self.manifest, "--name", "again")
        self.cloud.post(f"/models/{model}/resume", {})
        self.cloud.wait(model, "completed")


class FullDisk(unittest.TestCase):
    """On a small file system of its own, in a mount namespace of its own."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="ncloud-test-")
        self.addCleanup(self.scratch.cleanup)
        self.mount = Path(self.scratch.name) / "small"
        self.mount.mkdir()
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "--map-root-user", "sh", "-c",
             f"mount -t tmpfs -o size=128m none '{self.mount}' && echo mounted && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end_keeper)
        if self.keeper.stdout.readline() != "mounted\n":
            self.skipTest("this machine gives no mount namespaces to users")

    def end_keeper(self):
        self.keeper.stdin.close()
        self.keeper.wait()
        self.keeper.stdout.close()

    def test_what_frees_space_works_without_any(self):
        inside = Path(self.scratch.name) / "bin"
        inside.mkdir()
        for program in ("ncloud", "neon"):
            (inside / program).symlink_to(PROGRAMS / program)
        (inside / "ncloudd").write_text(
            f"#!/bin/sh\nexec nsenter -t {self.keeper.pid} -U -m --preserve-credentials '{PROGRAMS}/ncloudd' "
            f"--neon '{PROGRAMS}/neon' \"$@\"\n")
        (inside / "ncloudd").chmod(0o755)
        seen = Path(f"/proc/{self.keeper.pid}/root") / str(self.mount)[1:]
        cloud = harness.Cloud(inside, data=self.mount / "data", options=["--no-sandbox"])
        self.addCleanup(cloud.__exit__)
        folder = Path(self.scratch.name) / "bars"
        manifest = harness.make_bars(folder, count=64)
        cloud.cli("dataset", "upload", manifest, "--name", "bars")
        cloud.cli("dataset", "upload", manifest, "--name", "spare")
        model = cloud.train(harness.bars_model(folder, epochs=100000), {"train": "bars"}, cpus=1, memory="512MiB")
        cloud.wait(model, "running")
        token = cloud.post("/tokens", {})

        with open(seen / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 65536)
            except OSError:
                pass
        self.assertEqual(cloud.rest("POST", "/datasets", {
            "name": "more", "types": ["FILE"], "record_count": 1, "manifest_sha256": "0" * 64}, expect=507)["code"],
            "disk_full")
        cloud.rest("POST", f"/models/{model}/stop", {})
        cloud.rest("DELETE", f"/tokens/{token['id']}")
        cloud.rest("DELETE", "/datasets/spare")
        for number in range(300):  # more than the database's files have room for by chance
            cloud.rest("PATCH", f"/models/{model}", {"name": f"name-{number}"})
        (seen / "filler").unlink()
        # Where there was no room for its checkpoint, it ended in error, with the one before.
        self.assertEqual(cloud.wait(model, "stopped", "error")["name"], "name-299")
        cloud.cli("dataset", "upload", manifest, "--name", "more")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Uploads that are interrupted, repeated or wrong: the same command goes on, and nothing is half-written.

Usage: upload_test.py PROGRAMS_FOLDER
"""
import hashlib
import json
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()


class Upload(unittest.TestCase):
    def setUp(self):
        self.cloud = harness.Cloud(PROGRAMS)
        self.addCleanup(self.cloud.__exit__)
        self.folder = Path(self.cloud.scratch.name) / "many"

    def upload_words(self, manifest, name):
        return [PROGRAMS / "ncloud", "dataset", "upload", manifest, "--name", name, "--threads", "1"]

    def test_ctrl_c_and_the_same_command_again(self):
        manifest = harness.make_bars(self.folder, count=30000, size=16)
        upload = subprocess.Popen(self.upload_words(manifest, "many"), env=self.cloud.environment(), text=True,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 60
        while time.monotonic() < end and upload.poll() is None:
            listed = self.cloud.get("/datasets")["items"]
            if listed and listed[0]["records_received"] > 0:
                break
            time.sleep(0.005)
        upload.send_signal(signal.SIGINT)
        _, errors = upload.communicate(timeout=60)
        self.assertEqual(upload.returncode, 130, errors)
        self.assertIn("same command", errors)
        part = self.cloud.get("/datasets/many")
        self.assertEqual(part["state"], "uploading")
        self.assertLess(part["records_received"], 30000)
        self.assertIn("not ready", self.cloud.cli("model", "train", harness.bars_model(self.folder), "--dataset", "many", expect=6))

        shards = self.cloud.get("/datasets/many/shards")["items"]
        self.cloud.cli("dataset", "upload", manifest, "--name", "many")
        whole = self.cloud.get("/datasets/many")
        self.assertEqual((whole["state"], whole["records_received"]), ("ready", 30000))
        after = self.cloud.get("/datasets/many/shards")["items"]
        for shard in shards:
            self.assertIn(shard, after)

    def test_daemon_killed_in_the_middle(self):
        manifest = harness.make_bars(self.folder, count=20000, size=16)
        upload = subprocess.Popen(self.upload_words(manifest, "many"), env=self.cloud.environment(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end and not any(d["records_received"] for d in self.cloud.get("/datasets")["items"]):
            time.sleep(0.005)
        acknowledged = self.cloud.get("/datasets/many/shards")["items"]
        self.cloud.kill()
        upload.kill()
        upload.wait()
        self.cloud.start()
        there = self.cloud.get("/datasets/many/shards")["items"]
        for shard in acknowledged:
            self.assertIn(shard, there)
        self.cloud.cli("dataset", "upload", manifest, "--name", "many")
        self.assertEqual(self.cloud.get("/datasets/many")["state"], "ready")

    def test_wrong_shards_are_refused_and_leave_nothing(self):
        body = {"name": "raw", "types": ["FILE", "STRING"], "record_count": 10, "manifest_sha256": "0" * 64}
        self.cloud.post("/datasets", body)
        content = b"this is no shard"
        right = hashlib.sha256(content).hexdigest()
        for sum_ in (right, "0" * 64, "../../etc/passwd"):
            status, _, answer = self.cloud.raw("PUT", f"/datasets/raw/shards/0?sha256={sum_}", content)
            self.assertGreaterEqual(status, 400, answer)
            self.assertLess(status, 500, answer)
            self.assertEqual(json.loads(answer)["status"], status)
        self.assertEqual(self.cloud.get("/datasets/raw")["records_received"], 0)
        answer = self.cloud.post("/datasets/raw/complete", expect=409)
        self.assertIn("10", answer["detail"])
        freed = self.cloud.rest("DELETE", "/datasets/raw")
        self.assertEqual(freed["freed_bytes"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)

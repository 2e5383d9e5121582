#!/usr/bin/env python3
"""What becomes of jobs when the daemon does not live to end them, and what the server says of their limits.

Usage: jobs_test.py PROGRAMS_FOLDER
"""
import os
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()


def processes_of(data):
    """Numbers of the processes that have this data folder among their words: sandboxes, and jobs without one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(data).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def groups_of(pid):
    return [path for path, _, _ in os.walk("/sys/fs/cgroup") if f"/ncloud-jobs-{pid}-" in path + "/"]


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = harness.Cloud(PROGRAMS)
        cls.folder = Path(cls.cloud.scratch.name) / "bars"
        cls.cloud.cli("dataset", "upload", harness.make_bars(cls.folder, count=64), "--name", "bars")

    @classmethod
    def tearDownClass(cls):
        cls.cloud.__exit__()

    def test_info_says_what_holds_jobs(self):
        info = self.cloud.get("/info")
        self.assertTrue(info["sandbox"])
        self.assertIn(info["limits_by"], ["cgroup v2", "cgroup v1", "each process alone"])
        self.assertNotIn("disk", info["limits_missing"])
        self.assertIn("limits_by", self.cloud.cli("info", "-o", "json"))

    def test_a_killed_daemon_leaves_no_job_and_no_group(self):
        file = harness.bars_model(self.folder, epochs=100000)
        model = int(self.cloud.post("/models", {"filename": file.name, "yaml": file.read_text(), "cpus": 1,
                                                "datasets": [{"dataset": "bars"}]})["id"])
        self.cloud.wait(model, "running")
        self.assertTrue(processes_of(self.cloud.data))
        killed = self.cloud.process.pid
        self.cloud.kill()
        end = time.monotonic() + 20
        while processes_of(self.cloud.data) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(processes_of(self.cloud.data), [])
        self.cloud.start()
        self.assertEqual(groups_of(killed), [])
        self.cloud.wait(model, "running")
        self.cloud.post(f"/models/{model}/stop")
        self.assertEqual(self.cloud.wait(model, "stopped")["reason"], "")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

#!/usr/bin/env python3
"""What becomes of jobs when the daemon does not live to end them, and what the server says of their limits.

Usage: jobs_test.py PROGRAMS_FOLDER
"""
import os
import shutil
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

    def train(self, epochs):
        file = harness.bars_model(self.folder, epochs=epochs)
        return int(self.cloud.post("/models", {"filename": file.name, "yaml": file.read_text(), "cpus": 1,
                                               "datasets": [{"dataset": "bars"}]})["id"])

    def epochs_told(self, model):
        return [event["epoch"] for _, event in self.cloud.events(model, follow=False) if event["kind"] == "epoch"]

    def test_a_training_starts_from_another_models_weights(self):
        file = harness.bars_model(self.folder, epochs=1)
        text = file.read_text()
        self.cloud.cli("model", "train", file, "--dataset", "bars", "--name", "base", "--follow")
        again = self.folder / "again.yaml"
        again.write_text(text)
        self.cloud.cli("model", "train", again, "--dataset", "bars", "--start-from", "base", "--follow")
        log = self.cloud.cli("model", "logs", "again")
        self.assertIn("starts with 6 parameters of the other model", log)

        # What does not fit is refused at the submit.
        other = self.folder / "other.yaml"
        other.write_text(text.replace("{nout: 4,", "{nout: 7,"))
        refused = self.cloud.cli("model", "train", other, "--dataset", "bars", "-i", "base", expect=2)
        self.assertIn("Linear_0/W is (7, 288) here and (4, 288) there", refused)
        other.write_text(text.replace("{nout: 4,", "{name: head, nout: 7,") + "start_from: pretrained.safetensors\nnew_layers: [head]\n")
        self.assertIn("which is no model of this cloud's", self.cloud.cli("model", "train", other, "--dataset", "bars", expect=2))
        self.assertIn("no model 'nothing'", self.cloud.cli("model", "train", other, "--dataset", "bars", "-i", "nothing", expect=5))
        # The weights stay as long as somebody begins with them, whoever they are from.
        waiting = self.cloud.cli("model", "train", other, "--dataset", "bars", "-i", "base", "--name", "waiting", "--epochs", "2")
        self.assertIn("waiting", waiting)
        self.cloud.cli("model", "rm", "base")
        model = next(model for model in self.cloud.get("/models")["items"] if model["name"] == "waiting")["id"]
        self.assertEqual(self.cloud.wait(model, "completed", "error")["reason"], "")
        self.assertIn("begin anew, not being in the other model: head/W", self.cloud.cli("model", "logs", "waiting"))

    def test_a_training_outlives_a_killed_daemon(self):
        model = self.train(100000)
        self.cloud.wait(model, "running")
        for _ in range(4):
            told = len(self.epochs_told(model))
            while len(self.epochs_told(model)) < told + 3:
                time.sleep(0.02)
            before = set(processes_of(self.cloud.data))
            self.cloud.kill()
            time.sleep(1)  # the process that waited ends
            alive = set(processes_of(self.cloud.data))
            self.assertTrue(alive and alive < before, "the training lives")
            self.cloud.start()
            found = self.cloud.get(f"/models/{model}")
            self.assertEqual((found["state"], found["restarts"]), ("running", 0))
            self.assertTrue(alive <= set(processes_of(self.cloud.data)), "it is the same process")
        told = len(self.epochs_told(model))
        while len(self.epochs_told(model)) < told + 3:
            time.sleep(0.02)
        self.cloud.post(f"/models/{model}/stop")
        stopped = self.cloud.wait(model, "stopped")
        self.assertEqual(stopped["reason"], "")
        epochs = self.epochs_told(model)
        self.assertEqual(epochs, list(range(len(epochs))), "no epoch is told twice or not at all")
        self.assertEqual(stopped["epochs_completed"], len(epochs))
        end = time.monotonic() + 20
        while alive & set(processes_of(self.cloud.data)) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(alive & set(processes_of(self.cloud.data)))

    def test_a_deployment_outlives_a_killed_daemon(self):
        model = self.train(2)
        self.cloud.wait(model, "completed")
        self.cloud.post(f"/models/{model}/deploy", {"cpus": 1, "wait": True})
        picture = (self.folder / "images" / sorted(os.listdir(self.folder / "images"))[0]).read_bytes()
        predict = lambda: self.cloud.rest("POST", f"/models/{model}/predict?k=1", picture)["predictions"]
        before = predict()
        for _ in range(3):
            self.cloud.kill()
            time.sleep(1)  # the processes that waited end
            alive = set(processes_of(self.cloud.data))
            self.assertTrue(alive, "the deployment lives")
            self.cloud.start()
            self.assertEqual(self.cloud.get(f"/models/{model}")["state"], "deployed")
            self.assertEqual(predict(), before)
            self.assertTrue(alive <= set(processes_of(self.cloud.data)), "it is the same process")
        self.cloud.post(f"/models/{model}/undeploy", {"wait": True})
        self.assertEqual(self.cloud.get(f"/models/{model}")["state"], "completed")
        end = time.monotonic() + 20
        while alive & set(processes_of(self.cloud.data)) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(alive & set(processes_of(self.cloud.data)))

    def test_an_end_without_a_daemon_waits_for_the_next(self):
        model = self.train(3)
        self.cloud.wait(model, "running", "completed")
        self.cloud.kill()
        time.sleep(1)
        self.cloud.start()
        found = self.cloud.wait(model, "completed")
        self.assertEqual(found["restarts"], 0)
        self.assertEqual(self.epochs_told(model), [0, 1, 2])

    def test_no_job_is_left_of_a_killed_daemon_whose_folder_is_removed(self):
        with harness.Cloud(PROGRAMS) as other:
            other.cli("dataset", "upload", self.folder / "train.tsv", "--name", "bars")
            file = harness.bars_model(self.folder, epochs=100000)
            model = other.train(file, {"train": "bars"}, cpus=1)
            other.wait(model, "running")
            killed = other.process.pid
            other.kill()
            self.assertTrue(processes_of(other.data))
            shutil.rmtree(other.data)
            end = time.monotonic() + 20
            while processes_of(other.data) and time.monotonic() < end:
                time.sleep(0.05)
            self.assertEqual(processes_of(other.data), [])
            other.start()
            self.assertEqual(groups_of(killed), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

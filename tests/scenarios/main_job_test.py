#!/usr/bin/env python3
"""The main job through the real programs: upload, train, stop, resume, deploy, predict, undeploy.

Usage: main_job_test.py PROGRAMS_FOLDER
"""
import hashlib
import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()


class MainJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = harness.Cloud(PROGRAMS)
        cls.folder = Path(cls.cloud.scratch.name) / "bars"
        cls.manifest = harness.make_bars(cls.folder)
        cls.model_file = harness.bars_model(cls.folder)
        cls.cloud.cli("dataset", "upload", cls.manifest, "--name", "bars")

    @classmethod
    def tearDownClass(cls):
        cls.cloud.__exit__()

    def cli_json(self, *words):
        return json.loads(self.cloud.cli(*words, "-o", "json"))

    def checkpoint_sum(self, model):
        status, _, content = self.cloud.raw("GET", f"/models/{model}/checkpoint")
        self.assertEqual(status, 200)
        return hashlib.sha256(content).hexdigest(), content

    def test_upload_keeps_records_and_labels(self):
        dataset = self.cli_json("dataset", "show", "bars")
        self.assertEqual(dataset["state"], "ready")
        self.assertEqual(dataset["record_count"], 512)
        self.assertEqual(dataset["labels"], [f"bar {n}" for n in range(4)])
        self.assertIn("bars", self.cloud.cli("dataset", "ls"))
        again = self.cloud.cli("dataset", "upload", self.manifest, "--name", "bars", expect=6)
        self.assertIn("bars", again)

    def test_train_deploy_predict_undeploy(self):
        output = self.cloud.cli("model", "train", self.model_file, "--dataset", "bars", "--dataset", "eval:bars",
                                "--name", "first", "--follow")
        self.assertIn("completed", output)
        model = max(m["id"] for m in self.cli_json("model", "ls")["items"] if m["name"] == "first")
        shown = self.cli_json("model", "show", model)
        self.assertEqual(shown["state"], "completed")
        self.assertEqual(shown["epochs_completed"], 6)
        self.assertGreater(shown["metrics"]["Accuracy"], 0.95)

        metrics = self.cloud.cli("model", "metrics", model)
        self.assertEqual(len(re.findall(r"^\s*\d+", metrics, re.MULTILINE)), 6, metrics)
        self.assertIn("ncloud model deploy", self.cloud.cli("model", "predict", model, self.folder / "images/00002.png", expect=6))

        self.cloud.cli("model", "deploy", model)
        self.assertEqual(self.cli_json("model", "show", model)["state"], "deployed")
        rows = self.cli_json("model", "predict", model, self.folder / "images/00002.png", "-k", "3")
        self.assertEqual(len(rows), 3)
        self.assertEqual((rows[0]["index"], rows[0]["label"]), (2, "bar 2"))
        self.assertGreaterEqual(rows[0]["probability"], rows[1]["probability"])
        table = self.cloud.cli("model", "predict", model, self.folder / "images/00001.png", "-k", "2")
        self.assertIn("bar 1", table)

        for k, refusal in ("0", "k must be at least 1, got 0"), ("5", "k must be between 1 and 4, the number of the model's outputs; got 5"):
            self.assertIn(refusal, self.cloud.cli("model", "predict", model, self.folder / "images/00001.png", "-k", k, expect=2))
        self.assertIn("PNG", self.cloud.cli("model", "predict", model, self.model_file, expect=2))
        self.cloud.cli("model", "undeploy", model)
        self.assertEqual(self.cloud.wait(model, "completed")["state"], "completed")
        self.cloud.cli("model", "predict", model, self.folder / "images/00002.png", expect=6)

    def test_stop_and_resume_give_the_same_bytes_as_a_straight_run(self):
        model_file = harness.bars_model(self.folder, epochs=200, batch_size=8, name="long.yaml")
        straight = self.cloud.train(model_file, {"train": "bars", "eval": "bars"}, seed=5, cpus=1)
        self.cloud.wait(straight, "completed")
        stopped = self.cloud.train(model_file, {"train": "bars", "eval": "bars"}, seed=5, cpus=1)
        for _, event in self.cloud.events(stopped):
            if event["kind"] == "step" and event["epoch"] >= 1:
                break
        self.cloud.cli("model", "stop", stopped)
        value = self.cloud.wait(stopped, "stopped")
        self.assertLess(value["epochs_completed"], 200)
        self.assertIn("stopped", self.cloud.cli("model", "stop", stopped, expect=6))
        self.cloud.cli("model", "resume", stopped)
        self.cloud.wait(stopped, "completed")
        self.assertEqual(self.checkpoint_sum(straight), self.checkpoint_sum(stopped))

    def test_follow_resumes_without_loss_and_ends(self):
        model = self.cloud.train(self.model_file, {"train": "bars"})
        self.cloud.wait(model, "completed")
        events = list(self.cloud.events(model))
        numbers = [number for number, _ in events]
        self.assertEqual(numbers, sorted(set(numbers)))
        half = len(events) // 2
        self.assertEqual([n for n, _ in self.cloud.events(model, after=numbers[half])], numbers[half + 1:])
        self.assertEqual([e["epoch"] for _, e in events if e["kind"] == "epoch"], list(range(6)))
        self.assertEqual(events[-1][1].get("state"), "completed")

    def test_a_callback_ends_a_training_early(self):
        model_file = harness.bars_model(self.folder, epochs=200, name="early.yaml")
        model_file.write_text("callbacks: [{type: EarlyStopCallback, config: {figure: Accuracy, patience: 2}}, SaveBestStateCallback]\n"
                              + model_file.read_text())
        model = self.cloud.train(model_file, {"train": "bars", "eval": "bars"}, seed=5, cpus=1)
        value = self.cloud.wait(model, "completed")
        self.assertLess(value["epochs_completed"], 200)
        self.assertIn("Accuracy has not become better", self.cloud.cli("model", "logs", model))

    def test_the_stand_alone_program_trains_the_same_file(self):
        text = self.model_file.read_text().replace("dataset:\n", "dataset:\n  train: train.tsv\n  eval: train.tsv\n  labels: labels.txt\n")
        alone = self.folder / "alone.yaml"
        alone.write_text(text)
        saved = self.folder / "alone.safetensors"
        done = subprocess.run([PROGRAMS / "neon", alone, "--save_path", saved, "--rng_seed", "3", "--no_progress_bar"],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Accuracy", done.stdout)
        self.assertTrue(saved.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)

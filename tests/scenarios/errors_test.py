#!/usr/bin/env python3
"""What a person can do wrong, and the answer: it names what, where and what to do, and nothing is lost.

Usage: errors_test.py PROGRAMS_FOLDER
"""
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()


class Errors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = harness.Cloud(PROGRAMS, cpus=1, memory="2GiB")
        cls.folder = Path(cls.cloud.scratch.name) / "bars"
        cls.manifest = harness.make_bars(cls.folder, count=64)
        cls.model_text = harness.bars_model(cls.folder, epochs=1).read_text()
        cls.cloud.cli("dataset", "upload", cls.manifest, "--name", "bars")

    @classmethod
    def tearDownClass(cls):
        cls.cloud.__exit__()

    def refused(self, old, new, *expected, words=(), exit=2):
        """Submits the model file with `old` replaced; the error must hold all of `expected`."""
        self.assertIn(old, self.model_text)
        file = self.folder / "bad.yaml"
        file.write_text(self.model_text.replace(old, new, 1))
        before = len(self.cloud.get("/models")["items"])
        message = self.cloud.cli("model", "train", file, "--dataset", "bars", *words, expect=exit)
        for text in expected:
            self.assertIn(text, message)
        self.assertEqual(len(self.cloud.get("/models")["items"]), before, "a refused model must leave nothing behind")

    def test_model_files(self):
        self.refused("epochs: 1", "epochs: [1", "bad.yaml:")
        self.refused("type: Affine", "type: Afine", "unknown layer 'Afine'", "did you mean 'Affine'", "bad.yaml:6")
        self.refused("nout: 4", "nuot: 4", "unknown key 'nuot'", "did you mean 'nout'", "bad.yaml:6")
        self.refused("nout: 4", "nout: -3", "nout must be positive, got -3", "bad.yaml:6")
        self.refused("fshape: [3, 3, 8], padding: 1", "fshape: [15, 15, 8], padding: 0", "15x15", "12x12", "bad.yaml:2")
        self.refused("cost: CrossEntropyMulti", "cost: CrossEntropyMutli", "did you mean 'CrossEntropyMulti'", "bad.yaml:")
        self.refused("epochs: 1", "epochs: 0", "epochs", "bad.yaml:")
        self.refused("height: 12", "hieght: 12", "did you mean 'height'", "bad.yaml:")
        self.refused("type: label}", "type: lable}", "did you mean 'label'", "bad.yaml:")

    def test_requests_over_the_allotment(self):
        self.refused("epochs: 1", "epochs: 1", "2 CPUs", "1", words=("--cpus", "2"), exit=9)
        self.refused("epochs: 1", "epochs: 1", "memory", words=("--memory", "3GiB"), exit=9)
        self.refused("epochs: 1", "epochs: 1", "nosuch", words=("--dataset", "eval:nosuch"), exit=5)

    def test_manifests(self):
        bad = self.folder / "bad.tsv"
        self.assertIn("missing.tsv", self.cloud.cli("dataset", "upload", self.folder / "missing.tsv", "--name", "m", expect=5))
        bad.write_text("@FILE\tSTRING\nimages/00000.png\t0\nimages/00001.png\n")
        message = self.cloud.cli("dataset", "upload", bad, "--name", "m", expect=2)
        self.assertIn("bad.tsv:3", message)
        bad.write_text("@FILE\tSTRING\nimages/00000.png\t0\nimages/nothing.png\t0\n")
        message = self.cloud.cli("dataset", "upload", bad, "--name", "m", expect=5)
        self.assertIn("images/nothing.png", message)
        self.assertIn("bad.tsv:3", message)

    def fails_in_training(self, name, record, *expected):
        """Uploads a data set whose record 1 is `record`; training must end in an error that names it."""
        folder = self.folder / name
        harness.make_bars(folder, count=32)
        record(folder)
        self.cloud.cli("dataset", "upload", folder / "train.tsv", "--name", name)
        model = self.cloud.train(self.folder / "bars.yaml", {"train": name})
        with self.assertRaises(harness.Failure) as caught:
            self.cloud.wait(model, "completed")
        for text in expected:
            self.assertIn(text, str(caught.exception))

    def fails_at_upload(self, name, record, *expected):
        folder = self.folder / name
        harness.make_bars(folder, count=32)
        record(folder)
        message = self.cloud.cli("dataset", "upload", folder / "train.tsv", "--name", name, expect=2)
        for text in expected:
            self.assertIn(text, message)

    def test_check_tells_all_faults_at_once(self):
        folder = self.folder / "faults"
        harness.make_bars(folder, count=8)
        (folder / "images/00002.png").write_bytes((folder / "images/00002.png").read_bytes()[:60])
        (folder / "images/00005.png").unlink()
        manifest = folder / "train.tsv"
        manifest.write_text(manifest.read_text().replace("00006.png\t2", "00006.png\t99"))
        (folder / "labels.txt").write_text("a\nb\nc\nd\n")
        message = self.cloud.cli("dataset", "upload", manifest, "--name", "faults", "--check", expect=2)
        for text in ["00002.png (train.tsv:4): not a valid PNG", "00005.png: no such file (train.tsv:7)",
                     "00006.png (train.tsv:8): label 99 is out of range: there are 4 classes", "3 of 8 records have faults"]:
            self.assertIn(text, message)
        self.assertNotIn("faults", [dataset["name"] for dataset in self.cloud.get("/datasets")["items"]])

    def test_only_files_below_the_root_are_uploaded(self):
        folder = self.folder / "reach"
        harness.make_bars(folder, count=8)
        inside = folder / "images/00003.png"
        inside.rename(self.folder / "outside.png")
        inside.symlink_to(self.folder / "outside.png")
        message = self.cloud.cli("dataset", "upload", folder / "train.tsv", "--name", "reach", expect=2)
        self.assertIn("outside.png', outside of", message)
        self.assertIn("--allow-outside-root", message)
        self.cloud.cli("dataset", "upload", folder / "train.tsv", "--name", "reach", "--allow-outside-root")
        inside.unlink()
        os.mkfifo(inside)
        self.assertIn("is a named pipe, not a file (train.tsv:5)",
                      self.cloud.cli("dataset", "upload", folder / "train.tsv", "--name", "pipe", expect=2))

    def test_broken_records(self):
        def truncate(folder):
            image = folder / "images/00001.png"
            image.write_bytes(image.read_bytes()[:60])

        def no_image(folder):
            (folder / "images/00001.png").write_bytes(b"this is no image at all")

        def large_label(folder):
            manifest = folder / "train.tsv"
            manifest.write_text(manifest.read_text().replace("00001.png\t1", "00001.png\t11"))

        self.fails_in_training("truncated", truncate, "images/00001.png", "PNG")
        self.fails_at_upload("no_image", no_image, "images/00001.png (train.tsv:3)", "not an image")
        self.fails_at_upload("large_label", large_label, "images/00001.png (train.tsv:3)",
                             "label 11 is out of range: there are 4 classes, counted from 0, so the highest is 3")

    def test_credentials_and_foreign_things(self):
        self.cloud.rest("GET", "/models", token="nc_wrong", expect=401)
        status, _, _ = self.cloud.raw("GET", "/models", headers={"Authorization": ""})
        self.assertEqual(status, 401)
        model = self.cloud.train(self.folder / "bars.yaml", {"train": "bars"})
        self.cloud.wait(model, "completed")

        admin, mine = self.cloud.admin_token, self.cloud.token
        self.cloud.rest("POST", "/tenants", {"name": "other"}, token=admin)
        self.cloud.rest("POST", "/users", {"name": "bob", "tenants": ["other"]}, token=admin)
        bob = self.cloud.rest("POST", "/tokens", {"user": "bob"}, token=admin)["token"]
        for method, path in [("GET", f"/models/{model}"), ("POST", f"/models/{model}/stop"), ("DELETE", f"/models/{model}"),
                             ("POST", f"/models/{model}/deploy"), ("GET", f"/models/{model}/checkpoint"),
                             ("GET", f"/models/{model}/events"), ("POST", f"/models/{model}/predict?k=1"),
                             ("GET", "/datasets/bars"), ("DELETE", "/datasets/bars")]:
            body = b"an image" if "/predict" in path else {} if method == "POST" else None
            self.cloud.rest(method, path, body, token=bob, expect=404)
        self.assertEqual(self.cloud.get("/models", token=bob)["items"], [])
        self.cloud.rest("POST", "/tenants", {"name": "mine"}, token=mine, expect=403)
        self.assertEqual(self.cloud.get(f"/models/{model}")["state"], "completed")

    def test_states_that_do_not_allow_it(self):
        model = self.cloud.train(self.folder / "bars.yaml", {"train": "bars"})
        self.cloud.wait(model, "completed")
        self.assertIn("completed", self.cloud.cli("model", "stop", model, expect=6))
        self.assertIn("not deployed", self.cloud.cli("model", "undeploy", model, expect=6))
        self.cloud.cli("model", "show", 999999, expect=5)

    def test_second_daemon_on_the_same_folder_and_on_the_same_port(self):
        def daemon(*options):
            return subprocess.run([PROGRAMS / "ncloudd", *options], capture_output=True, text=True, timeout=30)
        same_folder = daemon("--data-dir", self.cloud.data, "--listen", "127.0.0.1:0")
        self.assertNotEqual(same_folder.returncode, 0)
        self.assertIn(str(self.cloud.process.pid), same_folder.stderr)
        same_port = daemon("--data-dir", Path(self.cloud.scratch.name) / "second", "--listen", self.cloud.address)
        self.assertNotEqual(same_port.returncode, 0)
        self.assertIn(self.cloud.address.split(":")[1], same_port.stderr)

    def test_nothing_listens(self):
        environment = {**self.cloud.environment(), "NCLOUD_HOST": "http://127.0.0.1:1"}
        done = subprocess.run([PROGRAMS / "ncloud", "model", "ls"], env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 10)
        self.assertIn("ncloudd", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)

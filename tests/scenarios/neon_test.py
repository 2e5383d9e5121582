#!/usr/bin/env python3
"""`neon` at a terminal: its live line, what it says before the first step, how it stops and goes on.

Usage: neon_test.py PROGRAMS_FOLDER
"""
import codecs
import fcntl
import json
import math
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

    half_shown = {}  # by terminal: the beginning of a character

    def start(self, *words, columns=80, stderr=None):
        """neon on a terminal of its own; what it shows so far is read until it stops by itself or `stop` is called."""
        master, slave = pty.openpty()
        self.half_shown.pop(master, None)
        set_columns(slave, columns)
        process = subprocess.Popen(["neon", self.model, "--threads", "1", "-e", "100000", *words], env=ENVIRONMENT,
                                   stdin=subprocess.DEVNULL, stdout=slave, stderr=stderr or slave, cwd=self.folder)
        os.close(slave)
        return process, master

    def read_for(self, master, seconds):
        shown, end = self.half_shown.pop(master, b""), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([master], [], [], left)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:  # the program has ended
                    break
        # A read may end within a character; the next one goes on there.
        text, used = codecs.utf_8_decode(shown)
        self.half_shown[master] = shown[used:]
        return text

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


class Commands(unittest.TestCase):
    """plan, bench, eval and predict."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="neon-test-")
        cls.folder = Path(cls.scratch.name)
        harness.make_bars(cls.folder, count=128)
        cls.model = harness.bars_model(cls.folder, epochs=6)
        cls.model.write_text(cls.model.read_text().replace("dataset:", "dataset:\n  train: train.tsv\n  eval: train.tsv\n  labels: labels.txt", 1))
        cls.call("bars.yaml", "--save_path", "bars.safetensors", "--rng_seed", "3", "--threads", "1", "--no_progress_bar")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def call(cls, *words, expect=0):
        done = subprocess.run(["neon", *words], env=ENVIRONMENT, capture_output=True, text=True, cwd=cls.folder, timeout=120)
        assert done.returncode == expect, (words, done.returncode, done.stderr)
        return done.stdout if expect == 0 else done.stderr

    def test_plan_tells_layers_memory_kernels_and_refusals(self):
        told = self.call("plan", "bars.yaml")
        for text in ("Convolution_0_bnorm", "(8, 12, 12)", "parameters", "joined: Convolution_0_bnorm does Convolution_0_Rectlin as well", "memory:"):
            self.assertIn(text, told)
        explained = self.call("plan", "bars.yaml", "--explain", "--threads", "1")
        for text in ("forward   Convolution_0 forward", "backward  Convolution_0 backward weights", "update    Linear_0 update",
                     "taken: oneDNN", "src f32 (32, 1, 12, 12)", "if no two buffers shared a place"):
            self.assertIn(text, explained)
        predicting = self.call("plan", "bars.yaml", "--explain", "--inference", "-z", "3")
        self.assertIn("dst f32 (3, 4)", predicting)
        self.assertNotIn("backward", predicting)

    def test_bench_tells_each_layer(self):
        told = self.call("bench", "bars.yaml", "--seconds", "0.2", "--threads", "1")
        rows = {line.split()[0]: line.split()[1:] for line in told.splitlines()}
        self.assertGreater(float(rows["Convolution_0"][1]), 0)
        self.assertEqual(rows["all"][3], "100.0%")
        self.assertIn("records/s", told)
        forward = self.call("bench", "bars.yaml", "--inference", "--seconds", "0.2", "--threads", "1")
        self.assertEqual({line.split()[1:][1] for line in forward.splitlines() if line.startswith("Conv")}, {"0.0"})

    def test_a_single_row_can_be_predicted_but_not_trained_with_statistics_over_the_batch(self):
        rows = self.folder / "rows.yaml"
        rows.write_text(self.model.read_text().replace("type: Affine, config: {nout: 4,", "type: Affine, config: {nout: 4, batch_norm: true,"))
        self.assertIn("use a batch_size of at least 2", self.call("plan", "rows.yaml", "-z", "1", expect=2))
        self.assertIn("use a batch_size of at least 2", self.call("rows.yaml", "--profile", "-z", "1", expect=2))
        self.assertIn("memory:", self.call("plan", "rows.yaml", "--explain", "--inference", "-z", "1"))
        self.assertIn("records/s in batches of 1", self.call("bench", "rows.yaml", "--inference", "-z", "1", "--seconds", "0.1"))
        self.assertIn("images_per_s", self.call("rows.yaml", "--profile", "--profile_inference", "-z", "1", "--profile_seconds", "0.1"))

    def test_eval_tells_cost_metrics_and_confusions(self):
        told = self.call("eval", "bars.safetensors", "--threads", "1")
        figures = dict(line.split() for line in told.splitlines()[:3])
        self.assertEqual(figures["records"], "128")
        accuracy = float(figures["Accuracy"])
        self.assertGreater(accuracy, 0.8)
        classes = [line for line in told.splitlines() if line.startswith("bar ")]
        self.assertEqual(len(classes), 4)
        right = sum(int(line.split()[2]) * float(line.split()[3].rstrip("%")) / 100 for line in classes)
        self.assertAlmostEqual(right / 128, accuracy, places=3)
        # The same records by name, with names of their own, in another batch size: the same figures.
        (self.folder / "other.txt").write_text("a\nb\nc\nd\n")
        named = self.call("eval", "bars.safetensors", "--manifest", "train.tsv", "--labels", "other.txt", "-z", "48", "--threads", "1")
        self.assertEqual(named.splitlines()[0], told.splitlines()[0])
        self.assertEqual(named.splitlines()[2], told.splitlines()[2])
        self.assertTrue(any(line.startswith("a ") for line in named.splitlines()))

    def test_a_model_goes_to_onnx_and_comes_back(self):
        told = self.call("export", "bars.safetensors", "bars.onnx")
        self.assertIn("bars.onnx: ", told)
        told = self.call("import", "bars.onnx", "again.safetensors", "--yaml", "again.yaml")
        self.assertIn("Convolution_0", told)
        files = ["images/00001.png", "images/00002.png", "-k", "4"]
        before, after = (self.call("predict", name, *files) for name in ("bars.safetensors", "again.safetensors"))
        for a, b in zip(before.splitlines(), after.splitlines(), strict=True):
            self.assertEqual(a.split()[1:], b.split()[1:])
            if a.startswith(" "):
                self.assertAlmostEqual(float(a.split()[0]), float(b.split()[0]), delta=2e-6)
        self.assertIn("parameters", self.call("plan", "again.yaml"))
        (self.folder / "bad.onnx").write_bytes(b"no network")
        self.assertIn("cannot be read as an ONNX file", self.call("import", "bad.onnx", "bad.safetensors", expect=2))
        self.assertFalse((self.folder / "bad.safetensors").exists())

    def test_a_training_starts_from_another_models_weights(self):
        text = self.model.read_text().replace("{nout: 4,", "{name: head, nout: 7,").replace("labels: labels.txt", "labels: seven.txt")
        (self.folder / "seven.txt").write_text("\n".join("abcdefg") + "\n")
        (self.folder / "other.yaml").write_text(text)
        words = ("other.yaml", "-e", "1", "--threads", "1", "--no_progress_bar", "-r", "3")
        told = subprocess.run(["neon", *words, "--start_from", "bars.safetensors", "-s", "other.safetensors"], env=ENVIRONMENT,
                              capture_output=True, text=True, cwd=self.folder, timeout=120)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("starts with 5 parameters", told.stderr)
        self.assertIn("begin anew, not being in the other model: head/W", told.stderr)
        self.assertIn("left behind, not being in this model: Linear_0/W", told.stderr)

        (self.folder / "other.yaml").write_text(text.replace("name: head", "name: Linear_0") + "start_from: bars.safetensors\n")
        self.assertIn("Linear_0/W is (7, 288) here and (4, 288) there", self.call(*words, expect=2))
        self.assertIn("unknown layer 'heed'", self.call(*words, "--new_layers", "heed", expect=2))
        self.call(*words, "--new_layers", "Linear_0", "-s", "again.safetensors")
        self.assertIn("excludes", self.call(*words, "--model_file", "again.safetensors", "--start_from", "bars.safetensors", expect=2))

    def dump(self, path, attribute=None):
        """The numbers of a data set, or the text of an attribute, as HDF5's own program reads them."""
        words = ["-a", attribute] if attribute else ["-d", path]
        done = subprocess.run(["h5dump", *words, "run.h5"], capture_output=True, text=True, cwd=self.folder, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr + path)
        data = done.stdout.split("DATA {", 1)[1].split("}", 1)[0]
        return [word.rstrip(",") for word in re.sub(r"\(\d+(,\d+)?\):", "", data).split()]

    def test_events_go_to_hdf5_in_neons_layout(self):
        (self.folder / "told.yaml").write_text(
            self.model.read_text() + "callbacks:\n  - HistCallback\n  - {type: MetricCallback, config: {metric: LogLoss, epoch_freq: 2}}\n")
        (self.folder / "run.h5").write_text("of before")
        words = ("told.yaml", "--threads", "1", "--no_progress_bar", "-r", "3", "-s", "told.safetensors")
        self.call(*words, "-o", "run.h5", "-e", "3", "-l", "told.log")
        self.call(*words, "-o", "run.jsonl", "-e", "3")
        epochs = [event for event in map(json.loads, (self.folder / "run.jsonl").read_text().splitlines()) if event["kind"] == "epoch"]
        self.assertEqual(self.dump("", "config/total_minibatches"), ["12"])
        costs = [float(x) for x in self.dump("cost/train")]
        self.assertEqual(len(costs), 12)
        self.assertAlmostEqual(sum(costs[:1]), costs[0])
        self.assertEqual([float(x) for x in self.dump("time_markers/minibatch")], [4, 8, 12])
        self.assertEqual(self.dump("", "time_markers/minibatch/epochs_complete"), ["3"])
        for told, event in zip(self.dump("cost/loss"), epochs, strict=True):
            self.assertAlmostEqual(float(told), event["eval_cost"], places=4)
        self.assertEqual(self.dump("metrics/LogLoss")[0], "nan")
        self.assertAlmostEqual(float(self.dump("metrics/LogLoss")[1]), epochs[1]["metrics"]["LogLoss"], places=4)
        self.assertEqual(self.dump("", "cost/loss/time_markers"), ['"epoch_freq"'])
        counts = [int(float(x)) for x in self.dump("hist/Convolution_0_0_W")]
        self.assertEqual(len(counts), 64 * 3)
        self.assertEqual(sum(counts), 72 * 3)
        begin, end = (float(self.dump(f"time/train/{which}_time")[0]) for which in ("start", "end"))
        self.assertLessEqual(begin, end)
        log = (self.folder / "told.log").read_text().splitlines()
        self.assertEqual(sum("eval_cost" in line for line in log), 3)
        # A resumed training has the batches of its own run.
        self.call(*words, "-o", "run.h5", "-e", "4", "--model_file", "told.safetensors")
        costs = self.dump("cost/train")
        self.assertEqual(costs[:12], ["nan"] * 12)
        self.assertNotIn("nan", costs[12:])

    def test_options_of_neon_mean_something_or_say_why_not(self):
        base = ("bars.yaml", "--threads", "1", "--no_progress_bar", "-r", "3")
        for words, why in ((("-b", "gpu"), "one backend"), (("-d", "f16"), "computed in f32"), (("-i", "1"), "one device"),
                           (("--caffe",), "pooling rounds"), (("-u", "10"), "rounds to nearest"), (("--log_token", "x"), "--log writes a file")):
            self.assertIn(why, self.call(*base, *words, expect=2), words)
        (self.folder / "half.tsv").write_text("".join((self.folder / "train.tsv").read_text().splitlines(True)[:65]))
        (self.folder / "neon.cfg").write_text("epochs = 2\nbatch_size = 16\nbackend = mkl\n")
        self.call(*base, "-c", "neon.cfg", "-e", "1", "--manifest", "train:half.tsv", "--deterministic", "-o", "short.jsonl", "-H", "2", "-s", "kept.st")
        events = [json.loads(line) for line in (self.folder / "short.jsonl").read_text().splitlines()]
        self.assertEqual({(event["epochs"], event["batches"]) for event in events if event["kind"] == "step"}, {(1, 4)})
        self.assertEqual((self.folder / "kept.st").readlink().name, "kept_1.st")
        self.assertIn("%", self.call("eval", "kept.st", "--threads", "1"))
        self.assertIn("train:FILE", self.call(*base, "--manifest", "half.tsv", expect=2))
        self.assertIn("7 runs", self.call("bars.yaml", "--profile", "--profile_iterations", "7", "--profile_iter_skip", "1", "--threads", "1"))

    def test_averages_of_the_weights_are_chosen_by_name(self):
        (self.folder / "mean.yaml").write_text(self.model.read_text() + "weight_average: {decay: 0.9}\nbatches_per_update: 2\n")
        self.call("mean.yaml", "-s", "mean.safetensors", "-r", "3", "--threads", "1", "-e", "2", "--no_progress_bar")
        cost = {which: self.call("eval", "mean.safetensors", "--weights", which, "--threads", "1").splitlines()[1]
                for which in ("model", "newest", "average")}
        self.assertEqual(cost["model"], cost["average"])
        self.assertNotEqual(cost["model"], cost["newest"])
        self.assertIn("keeps no average", self.call("eval", "bars.safetensors", "--weights", "average", expect=2))

    def test_weights_of_another_program_fit_a_model_file(self):
        def tensor(name, shape, data):
            header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [len(data), len(data) + 2 * math.prod(shape)]}
            data.extend(struct.pack(f"<{math.prod(shape)}e", *(i % 7 / 8 for i in range(math.prod(shape)))))
        header, data = {}, bytearray()
        tensor("net.0.weight", [8, 1, 3, 3], data)
        for name in ("weight", "bias", "running_mean", "running_var"):
            tensor(f"net.1.{name}", [8], data)
        tensor("head.weight", [288, 4], data)
        text = json.dumps(header).encode()
        (self.folder / "torch.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
        (self.folder / "map.yaml").write_text("names:\n  Convolution_0/W: net.0.weight\n  Convolution_0_bnorm/gamma: net.1.weight\n"
                                              "  Convolution_0_bnorm/beta: net.1.bias\n  Convolution_0_bnorm/gmean: net.1.running_mean\n"
                                              "  Convolution_0_bnorm/gvar: net.1.running_var\n"
                                              "  Linear_0/W: {tensor: head.weight, axes: [1, 0]}\n")
        told = self.call("import", "torch.safetensors", "torch.st", "--model", "bars.yaml", "--names", "map.yaml")
        self.assertIn("6 tensors", told)
        self.assertIn("%", self.call("eval", "torch.st", "--threads", "1"))
        refused = self.call("import", "torch.safetensors", "no.st", "--model", "bars.yaml", expect=2)
        self.assertIn("no tensor for 'Convolution_0/W' (8, 1, 3, 3)", refused)
        self.assertIn("tensor 'head.weight' (288, 4) is not used", refused)

    def test_predict_tells_each_file_and_goes_on_after_a_bad_one(self):
        told = self.call("predict", "bars.safetensors", "images/00002.png", "images/00001.png", "-k", "1")
        self.assertEqual([line.split()[1:] for line in told.splitlines() if line.startswith(" ")],
                         [["2", "bar", "2"], ["1", "bar", "1"]])
        (self.folder / "bad.png").write_bytes(b"no picture")
        done = subprocess.run(["neon", "predict", "bars.safetensors", "bad.png", "images/00003.png", "-k", "1"],
                              env=ENVIRONMENT, capture_output=True, text=True, cwd=self.folder, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("bad.png", done.stderr)
        self.assertIn("bar 3", done.stdout)

    def test_a_model_of_characters_goes_on_with_a_text(self):
        (self.folder / "text.tsv").write_text("@STRING\n" + "abcabcabcabc\nbcabcabcabca\n" * 8)
        (self.folder / "text.yaml").write_text("""
layers:
  - {type: LookupTable, config: {vocab_size: 3, embedding_dim: 4, init: {type: Gaussian, config: {scale: 0.5}}}}
  - {type: LSTM, config: {output_size: 8, init: GlorotUniform, activation: Tanh, gate_activation: Logistic}}
  - {type: Affine, config: {nout: 3, init: GlorotUniform, activation: Softmax}}
cost: CrossEntropyMulti
optimizer: {type: Adam, config: {learning_rate: 0.05}}
epochs: 15
batchsize: 4
dataset:
  train: text.tsv
  etl: [{type: text, max_length: 11, tokens: characters, alphabet: abc, next: true}]
""")
        self.call("text.yaml", "--save_path", "text.safetensors", "--no_progress_bar")
        generate = ("predict", "text.safetensors", "--generate", "ab")
        self.assertEqual(self.call(*generate, "--steps", "20"), "ab" + "cab" * 6 + "ca\n")
        self.assertEqual(self.call(*generate).strip(), "abcabcabcabca")
        beams = self.call(*generate, "--num_beams", "2", "--steps", "3").splitlines()
        self.assertEqual(len(beams), 2)
        self.assertEqual(beams[0].split()[1], "abcab")
        drawn = [self.call(*generate, "--temperature", "2", "-r", seed) for seed in ("1", "1", "2")]
        self.assertEqual(drawn[0], drawn[1])
        self.assertIn("has no character 'x'", self.call("predict", "text.safetensors", "--generate", "x", expect=2))
        self.assertIn("needs a text to go on from", self.call("predict", "text.safetensors", "--generate", "", expect=2))
        self.assertIn("does not write sequences", self.call("predict", "bars.safetensors", "--generate", "a", expect=2))

    def test_what_is_wrong_is_named(self):
        self.assertIn("nothing.yaml", self.call("plan", "nothing.yaml", expect=5))
        self.assertIn("bars.yaml", self.call("predict", "bars.yaml", "images/00001.png", expect=12))
        (self.folder / "three.txt").write_text("a\nb\nc\n")
        self.assertIn("label 3", self.call("eval", "bars.safetensors", "--manifest", "train.tsv", "--labels", "three.txt", expect=2))
        self.assertIn("required", self.call("predict", "bars.safetensors", expect=2))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

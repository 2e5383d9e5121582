"""Runs the real programs as a person would: a daemon of its own on a free loopback port, the client, plain REST."""
import http.client
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


class Failure(Exception):
    """A command ended otherwise than expected."""


class Cloud:
    """A daemon with a fresh data folder (or the given one), and a user of its own in a tenant with resources."""

    def __init__(self, programs, data=None, cpus=2, memory="4GiB", options=()):
        self.programs = Path(programs)
        self.scratch = tempfile.TemporaryDirectory(prefix="ncloud-test-")
        self.data = Path(data) if data else Path(self.scratch.name) / "data"
        self.options = list(options)
        self.token = self.admin_token = self.address = None
        self.process = None
        self.start()
        self.set_up_tenant("vision", "ada", cpus, memory)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()
        self.scratch.cleanup()

    def start(self):
        with open(Path(self.scratch.name) / "ncloudd.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "ncloudd", "--data-dir", self.data, "--listen", "127.0.0.1:0", *self.options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        for line in self.process.stdout:
            if found := re.search(r"(nc_[A-Za-z0-9_-]{20,})", line):
                self.admin_token = found.group(1)
            if found := re.search(r"http://(127\.0\.0\.1:\d+)", line):
                self.address = found.group(1)
                return
        raise Failure(f"ncloudd ended at start:\n{self.log_text()}")

    def log_text(self):
        return (Path(self.scratch.name) / "ncloudd.log").read_text(errors="replace")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process:
            self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def set_up_tenant(self, tenant, user, cpus, memory):
        self.token = self.admin_token
        self.post("/tenants", {"name": tenant})
        self.rest("PUT", f"/tenants/{tenant}/resources", {"cpus": cpus, "memory": memory})
        self.post("/users", {"name": user, "tenants": [tenant]})
        self.token = self.post("/tokens", {"user": user, "tenant": tenant})["token"]

    # ---- REST ----

    def connection(self):
        return http.client.HTTPConnection(self.address, timeout=60)

    def raw(self, method, path, body=None, headers=None, token=None):
        """(status, headers, bytes) of one request."""
        connection = self.connection()
        try:
            sent = {"Authorization": f"Bearer {token or self.token}", **(headers or {})}
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                sent["Content-Type"] = "application/json"
            connection.request(method, "/api/v2" + path, body, sent)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def rest(self, method, path, body=None, expect=None, **options):
        status, _, content = self.raw(method, path, body, **options)
        value = json.loads(content) if content else None
        if expect is None and status >= 400 or expect is not None and status != expect:
            raise Failure(f"{method} {path}: {status} {content.decode(errors='replace')}")
        return value

    def get(self, path, **options):
        return self.rest("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.rest("POST", path, {} if body is None else body, **options)

    def events(self, model, after=0, follow=True, connection=None):
        """Yields (id, event) of a training until its stream ends."""
        own = connection or self.connection()
        try:
            own.request("GET", f"/api/v2/models/{model}/events?after={after}&follow={'true' if follow else 'false'}",
                        headers={"Authorization": f"Bearer {self.token}"})
            answer = own.getresponse()
            if answer.status != 200:
                raise Failure(f"events of model {model}: {answer.status} {answer.read()!r}")
            number = None
            for line in answer:
                line = line.decode().rstrip("\r\n")
                if line.startswith("id:"):
                    number = int(line[3:])
                elif line == "event: end":
                    return
                elif line.startswith("data:") and line[5:].strip():
                    yield number, json.loads(line[5:])
        finally:
            own.close()

    def wait(self, model, *states, timeout=300):
        """The model once it is in one of the states."""
        end = time.monotonic() + timeout
        while True:
            value = self.get(f"/models/{model}")
            if value["state"] in states:
                return value
            if value["state"] == "error" or time.monotonic() > end:
                raise Failure(f"model {model} is {value['state']}, not {'/'.join(states)}: {value.get('reason')}")
            time.sleep(0.05)

    def train(self, model_file, datasets, **options):
        uses = [{"role": role, "dataset": name} for role, name in datasets.items()]
        return self.post("/models", {"filename": Path(model_file).name, "yaml": Path(model_file).read_text(),
                                     "datasets": uses, **options})["id"]

    # ---- the client ----

    def environment(self):
        return {**os.environ, "NCLOUD_HOST": f"http://{self.address}", "NCLOUD_TOKEN": self.token,
                "XDG_CONFIG_HOME": self.scratch.name, "NO_COLOR": "1"}

    def cli(self, *words, expect=0, input=None):
        """Standard output of a client command; checks its exit code."""
        done = subprocess.run([self.programs / "ncloud", *map(str, words)], env=self.environment(), input=input,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
        output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if done.returncode != expect:
            raise Failure(f"ncloud {' '.join(map(str, words))}: exit {done.returncode}, expected {expect}\n{output}{errors}")
        return output if expect == 0 else errors


def png(width, height, pixels):
    """An 8-bit grayscale PNG of width·height bytes."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    rows = b"".join(b"\0" + pixels[y * width:(y + 1) * width] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def make_bars(folder, count=512, size=12, classes=4, seed=1):
    """A small data set that a network can learn: noisy images with one bright bar whose place is the class."""
    import random
    chance = random.Random(seed)
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = ["@FILE\tSTRING"]
    for index in range(count):
        label = index % classes
        row = 1 + label * (size - 2) // classes
        pixels = bytearray(chance.randrange(60) for _ in range(size * size))
        for x in range(size):
            pixels[row * size + x] = 180 + chance.randrange(60)
        (folder / "images" / f"{index:05d}.png").write_bytes(png(size, size, bytes(pixels)))
        lines.append(f"images/{index:05d}.png\t{label}")
    manifest = folder / "train.tsv"
    manifest.write_text("\n".join(lines) + "\n")
    (folder / "labels.txt").write_text("".join(f"bar {n}\n" for n in range(classes)))
    return manifest


BARS_MODEL = """\
layers:
  - type: Conv
    config: {{fshape: [3, 3, 8], padding: 1, init: {{type: Kaiming}}, batch_norm: true, activation: {{type: Rectlin}}}}
  - {{type: Pooling, config: {{fshape: 2}}}}
  - {{type: Dropout, config: {{keep: 0.8}}}}
  - {{type: Affine, config: {{nout: 4, init: {{type: GlorotUniform}}, activation: {{type: Softmax}}}}}}
cost: CrossEntropyMulti
metric: Accuracy
optimizer:
  type: GradientDescentMomentum
  config: {{learning_rate: {learning_rate}, momentum_coef: 0.9}}
epochs: {epochs}
batchsize: {batch_size}
dataset:
  etl:
    - {{type: image, height: 12, width: 12, channels: 1}}
    - {{type: label}}
  augmentation:
    - {{type: image, flip_enable: true, mean: [0.2], stddev: [0.25]}}
"""


def bars_model(folder, epochs=6, batch_size=32, learning_rate=0.05, name="bars.yaml"):
    """The model file that goes with make_bars."""
    file = Path(folder) / name
    file.write_text(BARS_MODEL.format(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate))
    return file


def programs_folder():
    """The folder of the built programs, the last word of the command line."""
    return Path(sys.argv.pop()).resolve()

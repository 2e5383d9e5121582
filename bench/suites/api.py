"""The daemon: upload of many small files, from submit to the first optimizer step, cost of a trivial request, idle memory.

Rivals: `cp` of the same files to the same disk; for what no other program on the machine does, the project's own target.
"""
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import harness
from suites.report import line, percentile

FILES = 20000


def upload(cloud, folder, manifest):
    begin = time.perf_counter()
    cloud.cli("dataset", "upload", manifest, "--name", "many")
    ours = FILES / (time.perf_counter() - begin)
    copy = Path(folder) / "copy"
    begin = time.perf_counter()
    shutil.copytree(manifest.parent / "images", copy)
    subprocess.run(["sync", "-f", copy], check=True)
    return ours, FILES / (time.perf_counter() - begin)


def first_steps(cloud, model_file, count=40):
    """Seconds from sending the submit to reading the first step's event."""
    took = []
    for _ in range(count):
        begin = time.perf_counter()
        model = cloud.train(model_file, {"train": "small"}, cpus=1)
        for _, event in cloud.events(model):
            if event["kind"] == "step":
                took.append(time.perf_counter() - begin)
                break
        cloud.wait(model, "completed")
    return took


def request_seconds(cloud, count=2000):
    connection = cloud.connection()
    took = []
    for _ in range(count):
        begin = time.perf_counter()
        connection.request("GET", "/api/v2/me", headers={"Authorization": f"Bearer {cloud.token}"})
        connection.getresponse().read()
        took.append(time.perf_counter() - begin)
    connection.close()
    return took


def resident_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def run(options):
    with harness.Cloud(options.programs) as cloud, tempfile.TemporaryDirectory() as folder:
        line("api", "idle_memory", resident_bytes(cloud.process.pid) / 1e6, 50, "MB", "target", more_is_better=False)
        requests = request_seconds(cloud)
        line("api", "request_p50", percentile(requests, 0.5) * 1e3, 1, "ms", "target", more_is_better=False)
        many = harness.make_bars(Path(folder) / "many", count=FILES)
        ours, rival = upload(cloud, folder, many)
        line("api", "upload_files", ours, rival, "/s", "cp")
        small = harness.make_bars(Path(folder) / "small", count=128)
        cloud.cli("dataset", "upload", small, "--name", "small")
        took = first_steps(cloud, harness.bars_model(small.parent, epochs=1))
        line("api", "submit_to_first_step_p50", percentile(took, 0.5) * 1e3, 30, "ms", "target", more_is_better=False)
        line("api", "submit_to_first_step_p99", percentile(took, 0.99) * 1e3, 100, "ms", "target", more_is_better=False)

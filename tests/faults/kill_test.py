#!/usr/bin/env python3
"""kill -9 of the training process and of the daemon, which trainings outlive, at random points: no acknowledged write is lost, no state is untrue,
and the weights end with the same bytes as those of a run that nobody disturbed.

Usage: kill_test.py PROGRAMS_FOLDER [--rounds N] [--seed S]; prints "acknowledged writes lost: 0".
"""
import argparse
import hashlib
import http.client
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness


def children_of(pid):
    """All processes below `pid`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            if parent == pid:
                found += [int(folder.name), *children_of(int(folder.name))]
    return found


def processes_of(data):
    """Numbers of the sandboxes with something of this data folder, and of what is below them."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(data).encode() in (entry / "cmdline").read_bytes():
                found |= {int(entry.name), *children_of(int(entry.name))}
        except OSError:
            pass
    return found


def training_processes(data):
    """The `neon` processes of a data folder's jobs, whoever started them."""
    found = []
    for child in processes_of(data):
        try:
            if Path(f"/proc/{child}/comm").read_text().strip() == "neon":
                found.append(child)
        except OSError:
            pass
    return found


class Writer(threading.Thread):
    """Makes tokens and renames a model all the time, and remembers which tokens were acknowledged."""

    def __init__(self, cloud, chance):
        super().__init__(daemon=True)
        self.cloud, self.chance = cloud, chance
        self.acknowledged = {}
        self.model = None
        self.ended = False

    def run(self):
        number = 0
        while not self.ended:
            number += 1
            name = f"writer-{number}"
            try:
                if len(self.acknowledged) >= 500:  # a user has so many and no more
                    oldest = next(iter(self.acknowledged))
                    del self.acknowledged[oldest]
                    self.cloud.rest("DELETE", f"/tokens/{oldest}")
                token = self.cloud.post("/tokens", {"note": name})
                self.acknowledged[token["id"]] = name
                if self.model:
                    self.cloud.rest("PATCH", f"/models/{self.model}", {"name": name})
            except (OSError, ValueError, http.client.HTTPException, harness.Failure):
                pass  # not acknowledged: it may or may not be there
            time.sleep(self.chance.random() * 0.01)

    def lost(self):
        """What was acknowledged and is not there."""
        there, token = {}, ""
        while True:
            page = self.cloud.get(f"/tokens?page_size=1000&page_token={token}")
            there.update({item["id"]: item["note"] for item in page["items"]})
            token = page["next_page_token"]
            if not token:
                break
        return [number for number, note in self.acknowledged.items() if there.get(number) != note]


def checkpoint_sum(cloud, model):
    status, _, content = cloud.raw("GET", f"/models/{model}/checkpoint")
    if status != 200:
        raise harness.Failure(f"no checkpoint of model {model}: {status}")
    return hashlib.sha256(content).hexdigest()


def submitted(cloud, *arguments, **options):
    """A training, submitted as the client does it: who is told to try again in a moment does. What checks model files may
    have been killed."""
    for attempt in range(5):
        try:
            return cloud.train(*arguments, **options)
        except harness.Failure as failure:
            if " 503 " not in str(failure) or attempt == 4:
                raise
            time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", type=Path)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)

    with harness.Cloud(options.programs.resolve()) as cloud:
        folder = Path(cloud.scratch.name) / "bars"
        manifest = harness.make_bars(folder)
        model_file = harness.bars_model(folder, epochs=100, batch_size=8)
        cloud.cli("dataset", "upload", manifest, "--name", "bars")
        straight = cloud.train(model_file, {"train": "bars", "eval": "bars"}, seed=9, cpus=1)
        expected_seconds = -time.monotonic()
        cloud.wait(straight, "completed")
        expected_seconds += time.monotonic()
        expected = checkpoint_sum(cloud, straight)

        writer = Writer(cloud, chance)
        writer.start()
        kills = {"job": 0, "daemon": 0}
        for round_number in range(options.rounds):
            model = submitted(cloud, model_file, {"train": "bars", "eval": "bars"}, seed=9, cpus=1)
            writer.model = model
            for _ in range(2):
                time.sleep(chance.random() * expected_seconds * 0.7)
                if chance.random() < 0.5:
                    running = training_processes(cloud.data)
                    for pid in chance.sample(running, min(1, len(running))):
                        os.kill(pid, signal.SIGKILL)
                        kills["job"] += 1
                else:
                    cloud.kill()
                    kills["daemon"] += 1
                    time.sleep(chance.random() * 0.3)
                    cloud.start()
                state = cloud.get(f"/models/{model}")["state"]
                if state not in ("received", "queued", "running", "completed"):
                    raise harness.Failure(f"round {round_number}: state {state} is untrue")
            cloud.wait(model, "completed")
            found = checkpoint_sum(cloud, model)
            if found != expected:
                raise harness.Failure(f"round {round_number}: weights differ from the undisturbed run's")
            print(f"round {round_number}: same bytes after {kills}", flush=True)
        writer.ended = True
        writer.join()
        lost = writer.lost()
        print(f"acknowledged writes: {len(writer.acknowledged)}; kills: {kills}")
        print(f"acknowledged writes lost: {len(lost)}")
        cloud.stop()
        end = time.monotonic() + 5
        while left := processes_of(cloud.data):
            if time.monotonic() > end:
                raise harness.Failure(f"processes {left} outlive the last daemon, which was asked to end")
            time.sleep(0.01)
        return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())

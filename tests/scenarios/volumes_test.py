#!/usr/bin/env python3
"""Volumes through the real programs: folders go up and come down, jobs read and write them, and what a job wrote is
there however it and the daemon end.

Usage: volumes_test.py PROGRAMS_FOLDER
"""
import hashlib
import json
import os
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()

# What a job does with its volumes before it is the engine that it brings along.
SCRIPT = """#!/bin/sh
if [ "$1" = --job ] && [ -d /data ]; then
  wc -c < /data/words.txt >&2
  cat /lookup/table.txt >&2
  (echo no > /lookup/table.txt) 2>/dev/null && echo "READ-ONLY WAS WRITTEN" >&2
  (echo no > /usr/x) 2>/dev/null && echo "/usr WAS WRITTEN" >&2
  mkdir -p /data/made/by
  printf "by a job" > /data/made/by/job.txt
  echo changed > /data/change.txt
  rm /data/gone.txt
  ln -s /etc/passwd /data/link
  ls -R /data > /data/list.tmp-1
fi
tail -c +OFFSET "$0" > /tmp/neon && chmod +x /tmp/neon && exec /tmp/neon "$@"
"""


def program_that_writes(folder):
    length = len(SCRIPT) - len("OFFSET") + len("123")  # the script is shorter than 1000 bytes
    path = folder / "neon"
    path.write_bytes(SCRIPT.replace("OFFSET", f"{length + 1:03}").encode() + (PROGRAMS / "neon").read_bytes())
    path.chmod(0o755)
    return path


class Files(unittest.TestCase):
    def setUp(self):
        self.cloud = harness.Cloud(PROGRAMS)
        self.addCleanup(self.cloud.__exit__)
        self.folder = Path(self.cloud.scratch.name)

    def test_folders_go_up_and_come_down(self):
        tables = self.folder / "tables"
        (tables / "deep" / "er").mkdir(parents=True)
        (tables / "a.txt").write_text("first")
        (tables / "deep" / "er" / "b.bin").write_bytes(bytes(range(256)) * 100)
        (tables / "empty").write_bytes(b"")
        (tables / ".hidden").write_text("not taken")
        os.symlink("/etc/passwd", tables / "link")
        large = self.folder / "large.bin"
        large.write_bytes(os.urandom(20 << 20))
        self.cloud.cli("volume", "add", "words")
        said = self.cloud.cli("volume", "upload", "words", tables, large)
        self.assertIn("4 files", said)
        again = self.cloud.cli("volume", "upload", "words", tables, large)
        self.assertIn("version 1", again)
        (tables / "a.txt").write_text("second")
        self.assertIn("version 2", self.cloud.cli("volume", "upload", "words", tables))
        shown = json.loads(self.cloud.cli("volume", "show", "words", "-o", "json"))
        self.assertEqual([file["path"] for file in shown["files"]], ["a.txt", "deep/er/b.bin", "empty", "large.bin"])
        self.assertEqual(shown["version"], 2)
        self.assertIn("deep/er/b.bin", self.cloud.cli("volume", "show", "words"))
        self.assertIn("words", self.cloud.cli("volume", "ls"))

        down = self.folder / "down"
        self.cloud.cli("volume", "download", "words", "--folder", down)
        self.assertEqual((down / "large.bin").read_bytes(), large.read_bytes())
        self.assertEqual((down / "deep/er/b.bin").read_bytes(), (tables / "deep/er/b.bin").read_bytes())
        self.assertEqual((down / "a.txt").read_text(), "second")
        self.assertEqual((down / "empty").read_bytes(), b"")
        times = [path.stat().st_mtime_ns for path in sorted(down.rglob("*"))]
        self.cloud.cli("volume", "download", "words", "--folder", down)
        self.assertEqual([path.stat().st_mtime_ns for path in sorted(down.rglob("*"))], times, "nothing is fetched twice")
        self.cloud.cli("volume", "download", "words", "deep", "--folder", self.folder / "part")
        self.assertEqual(os.listdir(self.folder / "part"), ["deep"])
        self.assertEqual(self.cloud.cli("volume", "download", "words", "a.txt", "--folder", "-").strip(), "second")

        self.cloud.cli("volume", "mv", "words", "deep", "moved/deep")
        self.cloud.cli("volume", "rm", "words", "large.bin", "moved")
        self.cloud.cli("volume", "mv", "words", "tables")
        left = json.loads(self.cloud.cli("volume", "show", "tables", "-o", "json"))
        self.assertEqual([file["path"] for file in left["files"]], ["a.txt", "empty"])
        self.assertIn("no volume 'words'", self.cloud.cli("volume", "show", "words", expect=5))
        self.assertIn("removed", self.cloud.cli("volume", "rm", "tables"))

    def test_hostile_paths_and_strangers(self):
        self.cloud.post("/volumes", {"name": "words"})
        content = b"bytes"
        sha256 = hashlib.sha256(content).hexdigest()
        self.assertEqual(self.cloud.raw("PUT", f"/volumes/words/pieces/{sha256}", content)[0], 200)
        for path in ["/etc/passwd", "../up", "a/../../b", "a//b", ".", "..", "a\u0000b", "x" * 300, ""]:
            status, _, answer = self.cloud.raw("PATCH", "/volumes/words/files", {"puts": [{"path": path, "sha256": sha256}]})
            self.assertEqual(status, 400, (path, answer))
        self.assertEqual(self.cloud.get("/volumes/words")["file_count"], 0)
        self.cloud.rest("PATCH", "/volumes/words/files", {"puts": [{"path": "a", "sha256": sha256}]})
        mine = self.cloud.token
        self.cloud.token = self.cloud.admin_token
        self.cloud.post("/tenants", {"name": "audio"})
        self.cloud.post("/users", {"name": "eve", "tenants": ["audio"]})
        self.cloud.token = self.cloud.post("/tokens", {"user": "eve", "tenant": "audio"})["token"]
        for method, path, body in [("GET", "/volumes/1", None), ("GET", "/volumes/words/content?path=a", None),
                                   ("GET", "/volumes/1/files", None), ("DELETE", "/volumes/1", None),
                                   ("PATCH", "/volumes/1/files", {"removes": ["a"]}),
                                   ("PUT", f"/volumes/1/pieces/{sha256}", content)]:
            self.assertEqual(self.cloud.raw(method, path, body)[0], 404, path)
        self.cloud.token = mine
        self.assertEqual(self.cloud.raw("GET", "/volumes/words/content?path=a")[2], content)


class Jobs(unittest.TestCase):
    def setUp(self):
        self.scratch = harness.tempfile.TemporaryDirectory(prefix="ncloud-test-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        self.cloud = harness.Cloud(PROGRAMS, options=["--neon", program_that_writes(self.folder)])
        self.addCleanup(self.cloud.__exit__)
        self.cloud.cli("dataset", "upload", harness.make_bars(self.folder / "bars", count=64), "--name", "bars")
        for name, content in [("words.txt", "a b c"), ("change.txt", "old"), ("gone.txt", "soon"), ("table.txt", "1 2 3\n")]:
            (self.folder / name).write_text(content)
        self.cloud.cli("volume", "add", "words")
        self.cloud.cli("volume", "add", "tables")
        self.cloud.cli("volume", "upload", "words", *[self.folder / f"{n}.txt" for n in ("words", "change", "gone")])
        self.cloud.cli("volume", "upload", "tables", self.folder / "table.txt")

    def train(self, epochs, *words):
        file = harness.bars_model(self.folder / "bars", epochs=epochs)
        return json.loads(self.cloud.cli("model", "train", file, "--dataset", "bars", "--cpus", "1", "--volume", "words",
                                         "--volume", "tables:/lookup:ro", *words, "-o", "json"))["id"]

    def files(self):
        return {file["path"]: file for file in self.cloud.get("/volumes/words/files")["items"]}

    def content(self, path):
        return self.cloud.raw("GET", f"/volumes/words/content?path={path}")[2].decode()

    def check_written(self):
        self.assertEqual(sorted(self.files()), ["change.txt", "made/by/job.txt", "words.txt"])
        self.assertEqual(self.content("change.txt"), "changed\n")
        self.assertEqual(self.content("made/by/job.txt"), "by a job")
        self.assertEqual(self.content("words.txt"), "a b c")
        self.assertEqual(self.cloud.get("/volumes/tables")["version"], 1)

    def test_a_job_reads_and_writes(self):
        model = self.train(1)
        self.assertEqual(self.cloud.wait(model, "completed", "error")["reason"], "")
        log = self.cloud.cli("model", "logs", str(model))
        self.assertIn("5", log)
        self.assertIn("1 2 3", log)
        self.assertNotIn("WAS WRITTEN", log)
        self.assertIn("'link', which is a symbolic link", log)
        self.check_written()
        self.assertEqual(self.cloud.get("/volumes/words")["version"], 2)
        for place in ["data", "/usr/x", "/proc", "/a/../b"]:
            refused = self.cloud.cli("model", "train", self.folder / "bars/bars.yaml", "--dataset", "bars", "--volume",
                                     f"words:{place}", expect=2)
            self.assertIn("a volume cannot be at", refused)

    def begun(self, model):
        self.cloud.wait(model, "running")
        while not any(event["kind"] == "epoch" for _, event in self.cloud.events(model, follow=False)):
            time.sleep(0.05)

    def test_what_a_job_wrote_survives_a_killed_daemon(self):
        model = self.train(100000)
        self.begun(model)
        self.assertIn("ncloud model stop", self.cloud.cli("volume", "rm", "words", expect=6))
        self.assertIn("gone.txt", self.files(), "as long as the job runs, the volume is what it was")
        self.cloud.kill()
        self.cloud.start()
        self.assertEqual(self.cloud.get(f"/models/{model}")["state"], "running")
        self.cloud.post(f"/models/{model}/stop", {"wait": True})
        self.cloud.wait(model, "stopped")
        self.check_written()

    def test_what_a_job_wrote_survives_when_both_are_killed(self):
        model = self.train(100000)
        self.begun(model)
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and str(self.cloud.data).encode() in (entry / "cmdline").read_bytes() \
                        and b"bwrap" in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
                    self.cloud.process.kill()
            except (OSError, ProcessLookupError):
                pass
        self.cloud.kill()
        time.sleep(1)
        self.cloud.start()
        self.check_written()
        self.cloud.post(f"/models/{model}/stop", {"wait": True})


if __name__ == "__main__":
    unittest.main(verbosity=2)

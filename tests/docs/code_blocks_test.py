#!/usr/bin/env python3
"""Runs what the documents show: every fenced block of README.md, CONTRIBUTING.md, docs/ and examples/.

sh    the commands of a page, in order, in one shell with an empty home
yaml  a model file is trained for an epoch; a part of one is put into a model file first
json  is JSON
cpp   each line stands in src/
text  is not run

Usage: code_blocks_test.py PROGRAMS_FOLDER
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

PROGRAMS = harness.programs_folder()
PAGES = [harness.TOP / "README.md", harness.TOP / "CONTRIBUTING.md", *sorted((harness.TOP / "docs").rglob("*.md")),
         *sorted((harness.TOP / "examples").rglob("*.md"))]
FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What a test needs smaller, or has done already.
INSTEAD = [
    (r"^ncloudd &", "ncloudd --listen 127.0.0.1:0 &"),
    (r"^make\b(.*?)(&& )?(export .*)?$", ""),
    (r"(python3 examples/fashion_mnist/ingest\.py)", r"\1 --count 500"),
    (r"(python3 examples/cifar10/pictures\.py)", r"\1 --count 200"),
    (r"(python3 examples/segmentation/scenes\.py)", r"\1 --count 60"),
    (r"(python3 examples/(timeseries/curves|seq2seq/dates)\.py)", r"\1 --count 320"),
    (r"^(neon examples/\S+\.yaml)(?!.*--(epochs|profile))", r"\1 --epochs 1"),
    (r"^curl ", "curl -f "),
    (r"--epochs 20\b", "--epochs 60"),  # so few pictures are trained before a stop could come
    (r"(neon examples/\S+ --profile)", r"\1 --profile_seconds 0.1"),
]

# What a page takes for granted.
DAEMON = """
ncloudd --listen 127.0.0.1:0 > /dev/null &
access=~/.local/share/ncloud/access.json
until [ -s $access ]; do sleep 0.05; done
HOST=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["host"])' $access)
TOKEN=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["token"])' $access)
"""
FASHION = """
python3 examples/fashion_mnist/ingest.py --count 500
cd examples/fashion_mnist; cp data/test/00000.png bag.png
"""
TRAINED = """
ncloud dataset upload train.tsv --name fashion
ncloud model train conv.yaml --dataset fashion --epochs 1 --follow
"""
BEFORE = {
    "docs/reference/cli.md": DAEMON + FASHION,
    "docs/reference/api.md": DAEMON + FASHION + TRAINED,
    "docs/tutorial/volumes.md": DAEMON + FASHION + TRAINED,
    "docs/tutorial/operations.md": DAEMON,
}

ELSEWHERE = {
    "docs/tutorial/your-own-images.md",  # scenarios/tutorial_test.py runs it and looks at what comes out
    # Their data come out of packages that are not for testing; scenarios/examples_test.py runs their scripts on others.
    *(f"examples/{name}/README.md" for name in ("language", "sentiment", "spoken_digits", "written_digits")),
}

SKELETON = """
layers:
  - {type: Affine, config: {nout: 10, init: {type: Kaiming}, activation: {type: Softmax}}}
cost: CrossEntropyMulti
optimizer: {type: Adam}
dataset:
  train: train.tsv
  etl:
    - {type: image, height: 28, width: 28, channels: 1}
    - {type: label}
"""


def blocks(page, language):
    return [body for word, body in FENCE.findall(page.read_text()) if word == language]


def pages_with(language):
    return [page for page in PAGES if blocks(page, language)]


def name_of(page):
    return str(page.relative_to(harness.TOP))


def tries_of(page):
    """The page's commands as one script."""
    lines = "".join(blocks(page, "sh")).splitlines()
    for pattern, replacement in INSTEAD:
        lines = [re.sub(pattern, replacement, line) for line in lines]
    return "set -euo pipefail\ntrap 'kill $(jobs -p) || true; wait' EXIT\n" + BEFORE.get(name_of(page), "") + "\n".join(lines) + "\n"


def run_apart(script, folder):
    """Runs a script with a home of its own; what it left running ends with it. Its exit code and its output."""
    environment = {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "HOME": str(folder / "home"), "NO_COLOR": "1", "LANG": "C.UTF-8"}
    (folder / "home").mkdir()
    with open(folder / "output", "wb") as output:
        shell = subprocess.Popen(["bash", "-x", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                 stdout=output, stderr=output, start_new_session=True)
        try:
            code = shell.wait(300)
        except subprocess.TimeoutExpired:
            code = "none: it hangs"
        try:
            os.killpg(shell.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        shell.wait(30)
    return code, (folder / "output").read_text(errors="replace")


class CodeBlocks(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="ncloud-docs-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def test_every_block_says_what_it_is(self):
        for page in PAGES:
            for word, body in FENCE.findall(page.read_text()):
                with self.subTest(page=name_of(page), block=body[:60]):
                    self.assertIn(word, {"sh", "yaml", "json", "cpp", "text"})

    def test_links_lead_somewhere(self):
        for page in PAGES:
            for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
                if not link.startswith(("http://", "https://")):
                    self.assertTrue((page.parent / link).exists(), f"{name_of(page)}: {link}")

    def test_commands_work_in_the_order_of_the_page(self):
        for page in pages_with("sh"):
            if name_of(page) in ELSEWHERE:
                continue
            with self.subTest(page=name_of(page)), tempfile.TemporaryDirectory(prefix="ncloud-docs-") as scratch:
                folder = Path(scratch)
                shutil.copytree(harness.TOP / "examples", folder / "examples",
                                ignore=shutil.ignore_patterns("data", "*.tsv", "labels.txt"))
                code, output = run_apart(tries_of(page), folder)
                self.assertEqual(code, 0, f"{name_of(page)}:\n{output[-6000:]}")

    def test_model_files_train(self):
        harness.make_bars(self.folder, count=40, size=28, classes=10)
        shutil.copy(self.folder / "train.tsv", self.folder / "test.tsv")
        for page in pages_with("yaml"):
            for body in blocks(page, "yaml"):
                with self.subTest(page=name_of(page), block=body[:60]):
                    self.train(body)

    def train(self, body):
        keys = set(re.findall(r"^(\w+):", body, re.MULTILINE))
        if "layers" not in keys:
            body = self.completed(body, keys)
        file = self.folder / "model.yaml"
        file.write_text(body)
        done = subprocess.run([PROGRAMS / "neon", file, "-e", "1", "--no_progress_bar", "--threads", "1"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{body}")

    def completed(self, body, keys):
        """A model file around a part of one: sections of it, or keys of its dataset section."""
        if keys & {"etl", "augmentation"}:
            dataset = "".join(f"  {line}\n" for line in body.splitlines())
            return SKELETON[:SKELETON.index("  etl:")].lstrip() + dataset
        kept = SKELETON
        for key in keys:
            kept = re.sub(rf"^{key}:.*\n(?:  .*\n)*", "", kept, flags=re.MULTILINE)
        return kept + body

    def test_json_is_json(self):
        for page in pages_with("json"):
            for body in blocks(page, "json"):
                with self.subTest(page=name_of(page), block=body[:60]):
                    json.loads(body)

    def test_snippets_of_code_stand_in_the_sources(self):
        sources = "\n".join(file.read_text() for file in (harness.TOP / "src").rglob("*") if file.suffix in (".h", ".cpp"))
        squeezed = re.sub(r"\s+", " ", sources)
        for page in pages_with("cpp"):
            for body in blocks(page, "cpp"):
                with self.subTest(page=name_of(page), block=body[:60]):
                    self.assertIn(re.sub(r"\s+", " ", body).strip(), squeezed)

    def test_every_example_is_told_of_where_it_stands(self):
        for file in sorted((harness.TOP / "examples").rglob("*.yaml")):
            pages = [page for page in (file.parent / "README.md", harness.TOP / "README.md") if page.exists()]
            self.assertTrue(any(file.name in page.read_text() for page in pages), file)


if __name__ == "__main__":
    unittest.main(verbosity=2)

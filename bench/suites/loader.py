"""The loader: images per second from PNG files to float batches, beside PyTorch's DataLoader over the same files."""
import tempfile
from pathlib import Path

import harness
from suites.report import interleaved, line, output_of

HERE = Path(__file__).resolve().parent.parent


def run(options):
    with tempfile.TemporaryDirectory() as folder:
        manifest = harness.make_bars(folder, count=8000, size=28, classes=10)
        model_file = harness.bars_model(folder)
        model_file.write_text(model_file.read_text().replace("height: 12, width: 12", "height: 28, width: 28")
                              .replace("dataset:\n", f"dataset:\n  train: {manifest.name}\n  decoded_cache_bytes: 0\n"))

        def ours():
            return output_of(options.programs / "neon", model_file, "--profile_loader", "--threads", 2)["images_per_s"]

        def rival():
            return output_of(options.python, HERE / "rivals/torch_loader.py", manifest)["images_per_s"]
        mine, theirs = interleaved(options.rounds, ours, rival)
        line("loader", "png_28x28", mine, theirs, "/s", "torch-DataLoader")

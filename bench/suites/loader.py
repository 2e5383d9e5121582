"""The loader: images per second from PNG files to float batches, beside PyTorch's DataLoader over the same files, and sounds
per second from WAV files to MFCC, beside torchaudio, on one core each."""
import math
import struct
import subprocess
import tempfile
import wave
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
        sounds(options, Path(folder))


def sounds(options, folder):
    if subprocess.run([options.python, "-c", "import torchaudio, soundfile"], capture_output=True).returncode != 0:
        print("bench loader mfcc_1s left out: its rival needs a --python with torchaudio and soundfile")
        return
    rows = ["@FILE\tSTRING"]
    for number in range(2000):
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin((0.05 + 0.0001 * number) * i) + (i * 7919) % 501))
                                      for i in range(16000)))
        rows.append(f"{number}.wav\t{number % 10}")
    (folder / "sounds.tsv").write_text("\n".join(rows) + "\n")
    (folder / "sounds.yaml").write_text(HERE.joinpath("problems/mfcc.yaml").read_text())

    def ours():
        return output_of(options.programs / "neon", folder / "sounds.yaml", "--profile_loader", "--threads", 1)["images_per_s"]

    def rival():
        return output_of(options.python, HERE / "rivals/torch_sounds.py", folder / "sounds.tsv")["sounds_per_s"]
    mine, theirs = interleaved(options.rounds, ours, rival)
    line("loader", "mfcc_1s", mine, theirs, "/s", "torchaudio")

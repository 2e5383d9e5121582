"""The rival: torchaudio's MFCC of WAV files on one thread, read by soundfile.

Usage: torch_sounds.py MANIFEST; prints {"sounds_per_s": …}.
"""
import json
import sys
import time
from pathlib import Path

import soundfile
import torch
import torchaudio

torch.set_num_threads(1)
manifest = Path(sys.argv[1])
files = [manifest.parent / row.split("\t")[0] for row in manifest.read_text().splitlines()[1:]]
mfcc = torchaudio.transforms.MFCC(16000, 40, melkwargs={"n_fft": 400, "hop_length": 160, "n_mels": 64, "center": False})
for file in files[:20]:
    mfcc(torch.from_numpy(soundfile.read(file, dtype="float32")[0]))
begin = time.perf_counter()
for file in files:
    mfcc(torch.from_numpy(soundfile.read(file, dtype="float32")[0]))
print(json.dumps({"sounds_per_s": len(files) / (time.perf_counter() - begin)}))

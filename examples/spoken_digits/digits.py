#!/usr/bin/python3
"""Makes what the models here train on: the digits zero to nine, spoken by about 90 synthetic voices, as WAV files.

The speaker is espeak-ng, a package of Debian (`apt-get install espeak-ng`). Each digit is said by each voice at several
paces and pitches, in three accents. Every seventh voice is left for the evaluation: nobody who is heard there was heard
in training.
Writes into --output: VOICE-ACCENT-N-DIGIT.wav, labels.txt, train.tsv and test.tsv; and of numbers, two to five digits said
one after the other, number-N.wav, numbers_train.tsv and numbers_test.tsv.
"""
import argparse
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ACCENTS = ["en-us", "en-gb", "en-gb-scotland"]


def voices(speaker):
    """The variants that espeak-ng has, such as f1 and m3."""
    lines = subprocess.run([speaker, "--voices=variant"], capture_output=True, text=True, check=True).stdout
    names = [line.split("!v/")[1].split("  ")[0].strip() for line in lines.splitlines() if "!v/" in line]
    return sorted(name for name in set(names) if " " not in name)


def say(job):
    speaker, file, digits, voice, pace, pitch = job
    subprocess.run([speaker, "-v", voice, "-s", str(pace), "-p", str(pitch), "-w", file, " ".join(DIGITS[d] for d in digits)],
                   check=True, capture_output=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent / "data", help="folder to write into")
    parser.add_argument("--times", type=int, default=2, help="that a voice says each digit in each accent (%(default)s)")
    parser.add_argument("--numbers", type=int, default=4000, help="of several digits, all voices together (%(default)s)")
    parser.add_argument("--speaker", default="espeak-ng", help="the program that speaks (%(default)s)")
    options = parser.parse_args()
    if shutil.which(options.speaker) is None:
        sys.exit(f"{options.speaker} is missing; on Debian: apt-get install espeak-ng")

    chance = random.Random(1)
    options.output.mkdir(parents=True, exist_ok=True)
    jobs, rows = [], {"train": [], "test": [], "numbers_train": [], "numbers_test": []}
    all_voices = voices(options.speaker)
    for number, voice in enumerate(all_voices):
        for accent in ACCENTS:
            for time in range(options.times):
                for digit in range(10):
                    name = f"{voice}-{accent}-{time}-{digit}.wav"
                    pace, pitch = chance.randint(120, 220), chance.randint(20, 80)
                    jobs.append((options.speaker, options.output / name, [digit], f"{accent}+{voice}", pace, pitch))
                    rows["test" if number % 7 == 3 else "train"].append(f"{name}\t{digit}")
    for number in range(options.numbers):
        voice, digits = number % len(all_voices), [chance.randrange(10) for _ in range(chance.randint(2, 5))]
        name, accent = f"number-{number}.wav", chance.choice(ACCENTS)
        jobs.append((options.speaker, options.output / name, digits, f"{accent}+{all_voices[voice]}", chance.randint(150, 220),
                     chance.randint(20, 80)))
        rows["numbers_test" if voice % 7 == 3 else "numbers_train"].append(f"{name}\t{''.join(map(str, digits))}")
    with ThreadPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(say, jobs), 1):
            if done % 200 == 0 or done == len(jobs):
                print(f"\r{done} of {len(jobs)} clips", end="", flush=True)
    print()
    for name, lines in rows.items():
        (options.output / f"{name}.tsv").write_text("\n".join(["@FILE\tSTRING", *lines]) + "\n")
    (options.output / "labels.txt").write_text("\n".join(DIGITS) + "\n")


if __name__ == "__main__":
    main()

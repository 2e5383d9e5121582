#!/usr/bin/python3
"""Makes what the model here trains on: dates as people write them, and the same as 2026-11-25.

Days of 1950 to 2049 in five ways of writing. Every way and most days are in both files, the same day written the same way is not.
Writes into --output: train.tsv and test.tsv. Needs nothing but Python's standard library.
"""
import argparse
import datetime
import random
from pathlib import Path

FIRST = datetime.date(1950, 1, 1)
DAYS = 36525


def ways(day):
    month = day.strftime("%B")
    return [f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", f"{day.day}. {month[:3]} {day.year}",
            f"{day.strftime('%A')}, {day.day} {month} {day.year}", f"{day.day}/{day.month}/{day.year}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20000, help="dates to train on; a tenth as many to test (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent / "data", help="folder to write into")
    options = parser.parse_args()
    if not 10 <= options.count <= 150000:
        parser.error(f"--count must be from 10 to 150000, got {options.count}")
    drawn = random.Random(1).sample(range(DAYS * 5), options.count + options.count // 10)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", drawn[:options.count]), ("test", drawn[options.count:])):
        lines = ["@STRING\tSTRING"]
        for number in part:
            day = FIRST + datetime.timedelta(days=number // 5)
            lines.append(f"{ways(day)[number % 5]}\t{day.isoformat()}")
        (options.output / f"{name}.tsv").write_text("\n".join(lines) + "\n")
        print(f"{options.output}: {len(part)} dates in {name}.tsv")


if __name__ == "__main__":
    main()

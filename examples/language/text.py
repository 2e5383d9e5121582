#!/usr/bin/python3
"""Makes what the language models here train on: one long text, cut into pieces of characters and of words.

The text is the King James Bible of Debian's package bible-kjv, or with --source FILE any other, in UTF-8. Writes into --output:
characters/train.tsv and test.tsv, a piece of --characters characters and the one after them in each record; words/train.tsv,
test.tsv and words.txt, a piece of --words words and the one after them in each record, and the words that are known. Every
twentieth piece is for testing. Needs nothing but Python's standard library.
"""
import argparse
import collections
import re
import string
import subprocess
import sys
from pathlib import Path

ALPHABET = " " + string.ascii_lowercase + string.ascii_uppercase + ".,:;?!'()-"  # that of char_lstm.yaml
UNKNOWN = "<unk>"


def bible():
    """The text, a verse a line, each after its place: 'Ge1:1 In the beginning ...'."""
    try:
        done = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    except FileNotFoundError:
        sys.exit("the program bible is not there: apt-get install bible-kjv, or name a text of your own: --source FILE")
    except subprocess.CalledProcessError as error:
        sys.exit(f"bible: exit code {error.returncode}: {error.stderr.decode(errors='replace').strip()}")
    return " ".join(line.partition(" ")[2] for line in done.stdout.decode().splitlines())


def read(source):
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{source}: {error}")


def pieces(all_of_it, length):
    """Parts of `length`, and with each the one that comes next: the first of the following part."""
    return [all_of_it[i:i + length + 1] for i in range(0, len(all_of_it) - length, length)]


def write(folder, records):
    records = [record for record in records if record[0] not in "@#"]  # which begin other lines of manifests
    if len(records) < 20:
        sys.exit(f"{folder}: the text gives {len(records)} pieces; 20 are needed")
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("test", records[19::20]), ("train", [r for i, r in enumerate(records) if i % 20 != 19])):
        (folder / f"{name}.tsv").write_text("\n".join(["@STRING", *part]) + "\n", encoding="utf-8")
        print(f"{folder}: {len(part)} pieces in {name}.tsv")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="a text in UTF-8 (default: the King James Bible of bible-kjv)")
    parser.add_argument("--characters", type=int, default=100, help="characters of a piece (%(default)s)")
    parser.add_argument("--words", type=int, default=32, help="words of a piece (%(default)s)")
    parser.add_argument("--vocabulary", type=int, default=4000, help="words that are known, <unk> being one (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent / "data", help="folder to write into")
    options = parser.parse_args()
    text = " ".join((read(options.source) if options.source else bible()).split())
    known = "".join(c for c in text if c in ALPHABET)
    write(options.output / "characters", pieces(known, options.characters))
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    common = [word for word, _ in collections.Counter(words).most_common(options.vocabulary - 1)]
    write(options.output / "words", [" ".join(piece) for piece in pieces(words, options.words)])
    (options.output / "words" / "words.txt").write_text("\n".join([UNKNOWN, *common]) + "\n", encoding="utf-8")
    share = sum(word in set(common) for word in words[::100]) / len(words[::100])
    print(f"{options.output / 'words'}: {len(common) + 1} words in words.txt, {100 * share:.1f} % of the text")


if __name__ == "__main__":
    main()

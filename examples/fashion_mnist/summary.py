"""Reads a training's events as JSON and prints the last accuracy in per cent and the seconds of training."""
import json
import sys

epochs = [event for event in json.load(sys.stdin)["items"] if event["kind"] == "epoch"]
print(f"{100 * epochs[-1]['metrics']['Accuracy']:.2f} {sum(event['seconds'] for event in epochs):.1f}")

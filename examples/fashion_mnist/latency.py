"""Figures of the running cloud, over REST: latency of a prediction, and from submit to the first optimizer step.

Usage: latency.py http://HOST:PORT TOKEN MODEL IMAGE MODEL_FILE; prints `demo: <name> = <value>` lines.
"""
import http.client
import json
import statistics
import sys
import time
from pathlib import Path

host, token, model, image, model_file = sys.argv[1:]
address = host.removeprefix("http://")
headers = {"Authorization": f"Bearer {token}"}


def call(connection, method, path, body=None):
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    connection.request(method, "/api/v2" + path, body, {**headers, "Content-Type": kind})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 400:
        sys.exit(f"{method} {path}: {answer.status} {content.decode()}")
    return json.loads(content)


def predict_p50_ms():
    connection = http.client.HTTPConnection(address)
    content = Path(image).read_bytes()
    took = []
    for _ in range(300):
        begin = time.perf_counter()
        call(connection, "POST", f"/models/{model}/predict?k=3", content)
        took.append(time.perf_counter() - begin)
    return statistics.median(took[50:]) * 1000


def submit_to_first_step_ms():
    text = Path(model_file).read_text()
    body = json.dumps({"filename": Path(model_file).name, "yaml": text, "cpus": 1,
                       "datasets": [{"role": "train", "dataset": "fashion"}]})
    took = []
    for _ in range(9):
        connection = http.client.HTTPConnection(address)
        begin = time.perf_counter()
        number = call(connection, "POST", "/models", body)["id"]
        connection.request("GET", f"/api/v2/models/{number}/events", headers=headers)
        for line in connection.getresponse():
            if line.startswith(b"data:") and json.loads(line[5:])["kind"] == "step":
                took.append(time.perf_counter() - begin)
                break
        connection.close()
        stop = http.client.HTTPConnection(address)
        call(stop, "POST", f"/models/{number}/stop", "{}")
        while call(stop, "GET", f"/models/{number}")["state"] not in ("stopped", "completed"):
            time.sleep(0.02)
        stop.close()
    return statistics.median(took) * 1000


print(f"demo: submit_to_first_step_ms = {submit_to_first_step_ms():.1f}")
print(f"demo: predict_p50_ms = {predict_p50_ms():.2f}")

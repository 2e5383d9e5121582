"""Serving: latency of a prediction over HTTP on loopback, beside the bare engine's on the same network."""
import concurrent.futures
import tempfile
import time
from pathlib import Path

import harness
from suites.report import line, output_of, percentile


def predict_seconds(cloud, model, image, count):
    connection = cloud.connection()
    took = []
    for _ in range(count):
        begin = time.perf_counter()
        connection.request("POST", f"/api/v2/models/{model}/predict?k=1", image, {"Authorization": f"Bearer {cloud.token}"})
        answer = connection.getresponse()
        answer.read()
        took.append(time.perf_counter() - begin)
        if answer.status != 200:
            raise harness.Failure(f"predict: {answer.status}")
    connection.close()
    return took


def run(options):
    with harness.Cloud(options.programs) as cloud, tempfile.TemporaryDirectory() as folder:
        manifest = harness.make_bars(folder, count=256)
        cloud.cli("dataset", "upload", manifest, "--name", "bars")
        model_file = harness.bars_model(folder, epochs=2)
        model = cloud.train(model_file, {"train": "bars"})
        cloud.wait(model, "completed")
        cloud.cli("model", "deploy", model)
        image = (Path(folder) / "images/00001.png").read_bytes()
        bare = 1 / output_of(options.programs / "neon", model_file, "--profile", "--profile_inference", "--batch_size", 1,
                             "--profile_seconds", 1, "--threads", 1)["images_per_s"]
        took = predict_seconds(cloud, model, image, 3000)[200:]
        line("serving", "predict_p50", percentile(took, 0.5) * 1e3, bare * 1e3, "ms", "bare_engine", more_is_better=False)
        line("serving", "predict_p99", percentile(took, 0.99) * 1e3, bare * 1e3, "ms", "bare_engine", more_is_better=False)
        begin = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            rounds = list(pool.map(lambda _: predict_seconds(cloud, model, image, 300), range(8)))
        together = sum(map(len, rounds)) / (time.perf_counter() - begin)
        line("serving", "predict_8_clients", together, 1 / percentile(took, 0.5), "/s", "one_client")

#!/usr/bin/env python3
"""Generates a client from the served OpenAPI document and does the main job with it, as a user of another program would.

    tests/e2e/generated_client_test.py build/release/bin

Its generator (openapi-python-client) goes into a virtual environment in the build folder, with the first run.
"""
import importlib
import io
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness

GENERATOR = "openapi-python-client==0.29.1"


def tools(folder):
    """The folder of the generator's programs."""
    bin_folder = folder / "bin"
    if not (bin_folder / "openapi-python-client").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([bin_folder / "pip", "install", "--quiet", GENERATOR], check=True)
    return bin_folder


def generate(bin_folder, document, into):
    done = subprocess.run([bin_folder / "openapi-python-client", "generate", "--path", document, "--output-path", into,
                           "--meta", "none", "--overwrite"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"})
    if done.returncode != 0 or "warning" in done.stdout.lower() or "unable" in done.stdout.lower():
        raise harness.Failure(f"the generator is not content with the contract:\n{done.stdout}")


def operation(name):
    """The generated module of an operation, wherever its tag put it."""
    import ncloud_client.api as api
    for folder in Path(api.__file__).parent.iterdir():
        if (folder / f"{name}.py").exists():
            return importlib.import_module(f"ncloud_client.api.{folder.name}.{name}")
    raise harness.Failure(f"no operation {name} was generated")


def wait_for(client, model, state):
    show = operation("get_model")
    for _ in range(1200):
        value = show.sync(model, client=client)
        if str(value.state) == state:
            return value
        if str(value.state) == "error":
            raise harness.Failure(value.reason)
        time.sleep(0.1)
    raise harness.Failure(f"model {model} does not get {state}")


def main_job(cloud, folder):
    import ncloud_client
    from ncloud_client import models, types
    client = ncloud_client.AuthenticatedClient(base_url=f"http://{cloud.address}", token=cloud.token,
                                               raise_on_unexpected_status=True, timeout=60)
    manifest = harness.make_bars(folder, count=128)
    cloud.cli("dataset", "upload", manifest, "--name", "bars")
    model_file = harness.bars_model(folder, epochs=2)
    uses = [models.DatasetUseInput(dataset="bars", role="train")]
    submitted = operation("train_model").sync(client=client, body=models.TrainModel(
        filename="bars.yaml", yaml=model_file.read_text(), datasets=uses, cpus=1))
    assert isinstance(submitted, models.Model), submitted
    trained = wait_for(client, str(submitted.id), "completed")
    assert trained.epochs_completed == 2, trained
    operation("deploy_model").sync(str(submitted.id), client=client, body=models.DeployModel())
    wait_for(client, str(submitted.id), "deployed")
    picture = (folder / "images" / "00000.png").read_bytes()
    answer = operation("predict").sync(str(submitted.id), client=client, body=types.File(payload=io.BytesIO(picture)), k=2)
    assert len(answer.predictions) == 2 and answer.predictions[0].label.startswith("bar"), answer
    content = operation("get_checkpoint").sync_detailed(str(submitted.id), client=client).content
    assert len(content) > 1000
    missing = operation("get_model").sync_detailed("1000000", client=client)
    assert missing.status_code == 404 and missing.parsed.code == "not_found", missing


def main():
    programs = harness.programs_folder()
    with harness.Cloud(programs) as cloud, tempfile.TemporaryDirectory(prefix="ncloud-client-") as scratch:
        scratch = Path(scratch)
        environment = tools(programs.parent / "generated-client-tools")
        document = scratch / "openapi.json"
        _, _, content = cloud.raw("GET", "/openapi.json")
        document.write_bytes(content)
        generate(environment, document, scratch / "ncloud_client")
        packages = next((environment.parent / "lib").glob("python3*")) / "site-packages"
        sys.path[:0] = [str(scratch), str(packages)]
        main_job(cloud, scratch)
    print("a generated client does the main job")


if __name__ == "__main__":
    main()

"""Inference: images per second at batch 1 and 32, beside PyTorch on the CPU."""
from suites.report import line
from suites.train import name_of, problems, rates


def run(options):
    for problem in problems():
        for batch in (1, 32):
            version = []
            ours, rival = rates(options, problem, ["--profile_inference", "--batch_size", batch],
                                ["infer", "--batch", str(batch)], version)
            line("infer", f"{name_of(problem)}_batch{batch}", ours, rival, "/s", f"torch-{version[0]}")

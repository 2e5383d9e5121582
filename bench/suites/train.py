"""Training: images per second of a whole step (forward, backward, update), batch 128, beside PyTorch on the CPU."""
from pathlib import Path

from suites.report import interleaved, line, output_of

HERE = Path(__file__).resolve().parent.parent


def name_of(problem):
    return "fashion_conv" if problem.parent.name == "fashion_mnist" else problem.stem


def problems():
    return [*sorted((HERE / "problems").glob("*.yaml")), HERE.parent / "examples/fashion_mnist/conv.yaml"]


def rates(options, problem, ours_words, rival_words, version):
    def ours():
        return output_of(options.programs / "neon", problem, "--profile", "--profile_seconds", options.seconds, *ours_words)["images_per_s"]

    def rival():
        answer = output_of(options.python, HERE / "rivals/torch_problem.py", problem, *rival_words, "--seconds", options.seconds)
        version.append(answer["version"])
        return answer["images_per_s"]
    return interleaved(options.rounds, ours, rival)


def run(options):
    for problem in problems():
        version = []
        ours, rival = rates(options, problem, [], ["train"], version)
        line("train", name_of(problem), ours, rival, "/s", f"torch-{version[0]}")

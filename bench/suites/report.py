"""The one format of benchmark lines, and how figures are gathered."""
import json
import statistics
import subprocess


def interleaved(rounds, *measures):
    """Medians of what each measure returns, taken in turns."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*taken)]


def line(suite, problem, ours, rival, unit, rival_name, more_is_better=True):
    """Prints one line; ratio over 1 means that ours is better."""
    ratio = ours / rival if more_is_better else rival / ours
    print(f"bench {suite} {problem} ours={figure(ours)}{unit} rival={figure(rival)}{unit} ratio={ratio:.2f} "
          f"rival_name={rival_name}", flush=True)


def figure(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def output_of(*command):
    """The JSON that a command prints last."""
    done = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

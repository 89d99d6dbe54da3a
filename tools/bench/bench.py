"""Runs the benchmarks side by side and writes docs/benchmarks.md, with its plot and raw numbers: make bench.

Names of benchmarks as arguments run only those; the numbers of the others are kept.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from audit_tree import write_tree
from matplotlib.figure import Figure

from pytest_bgasync.config.settings import Limits
from pytest_bgasync.engine.client import Engine, find
from pytest_bgasync.engine.images import Images
from pytest_bgasync.hosts import ssh
from pytest_bgasync.hosts.scenario import Scenario, Wanted
from pytest_bgasync.hosts.webhooks import Authority
from pytest_bgasync.util.clock import Deadline

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BIN = Path(sys.executable).parent
RAW, TABLE, PLOT = (ROOT / "docs" / name for name in ("benchmarks.json", "benchmarks.md", "benchmarks.svg"))
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
#: Playbook seconds are as short for everybody.
SCALE = 0.02
#: The tests of the session that shows what each further test costs.
FURTHER = 5

HEAD = """\
# Benchmarks

Written by `make bench` on a machine with 2 cores; the raw numbers are in [benchmarks.json](benchmarks.json). The ways
of a benchmark are measured in turn, round by round, where its title does not say otherwise. A ratio is that of the
medians to the first way of the same thing.

![medians](benchmarks.svg)"""

Way = Callable[[], object]
#: For each way in which a thing is done, the real seconds that it took, or another figure, round by round.
Times = dict[str, list[float]]


def side_by_side(ways: Mapping[str, Way], rounds: int, tidy: Way = lambda: None, *, warm: bool = True) -> Times:
    """Measure the ways in turn, round by round; where they are to be ``warm``, a first round is not counted.

    ``tidy`` is called after each, and not measured.
    """
    times: Times = {name: [] for name in ways}
    for number in range(rounds + warm):
        for name, way in ways.items():
            began = time.monotonic()
            way()
            if number >= warm:
                times[name].append(round(time.monotonic() - began, 3))
                print(f"  {name}: {times[name][-1]} s", flush=True)
            tidy()
    return times


def command(words: list[object], folder: Path, programs: Path = BIN, **env: str) -> None:
    """Run a command to its end, with ``programs`` first on the PATH; its output is shown only where it fails."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    # As it is where nobody has set that: each keeps what it has compiled.
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, env={**usual, "PATH": path, **env},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"{words} ended with {done.returncode}:\n{done.stdout}")


def migration() -> Times:
    """A migration that fails is rolled back: all that one test of it takes."""
    with workshop() as (folder, engine):
        shutil.copytree(HERE / "migration", folder, dirs_exist_ok=True)
        playbook = (ROOT / "playbooks/background_error_handling.yml").read_text()
        # Molecule does not go on after a play that fails.
        playbook = playbook[: playbook.index("        # Rolled back is not migrated")]
        (folder / "migration.yml").write_text(playbook)
        scaled = playbook.replace("delay: 15", f"delay: {15 * SCALE}").replace("delay: 5", f"delay: {5 * SCALE}")
        image = Images(engine, print).host_image("migration", folders=[HERE])
        key = ssh.make_key(folder)
        by_hand = folder / "scaled"
        shutil.copytree(HERE / "migration/molecule", by_hand / "tests/molecule")
        (by_hand / "migration.yml").write_text(scaled)
        (by_hand / "tests/migration.yml").write_text(scaled)
        molecule = ROOT / ".venv-molecule/bin"

        def ours(tests: int) -> None:
            command([*PYTEST, "--keep-duplicates", *["test_migration.py"] * tests], folder, BENCH_IMAGE=image)

        one, more = "pytest-bgasync", f"pytest-bgasync ({FURTHER + 1} tests)"
        times = side_by_side(
            {
                "molecule": lambda: command(
                    [molecule / "molecule", "test"], by_hand / "tests", molecule, BENCH_IMAGE=image
                ),
                "a script by hand": lambda: command(
                    ["bash", folder / "script.sh", image, by_hand / "migration.yml", key.private], by_hand
                ),
                one: lambda: ours(1),
                more: lambda: ours(FURTHER + 1),
            },
            rounds=5,
        )  # fmt: skip
        pairs = zip(times[one], times.pop(more), strict=True)
        return {**times, "pytest-bgasync (each further test)": [round((b - a) / FURTHER, 3) for a, b in pairs]}


def empty() -> Times:
    """A playbook without a task: what the start of Ansible takes."""
    return by_pytest(["measure_empty.py"])


def tasks() -> Times:
    """One task of each kind, on a host that is up, without the start of Ansible."""
    return by_pytest(["measure_tasks.py"])


def scenarios() -> Times:
    """The eight scenarios with their own waits: by ansible-playbook once, side by side, then by ours, alone."""
    ours = [["measure_scenarios.py", "-k", "ours"]] * 3
    times = by_pytest(["measure_scenarios.py", "-k", "bare", "-n", 8], *ours)
    return dict(sorted(times.items(), key=lambda item: item[0].partition(", ")[0]))


def jobs() -> Times:
    """Hosts x jobs: what it costs to account for every job."""
    return by_pytest(["measure_jobs.py", "--bgasync-no-fork"])


def hosts() -> Times:
    """From nothing until n hosts answer over ssh."""
    times: Times = {}
    with workshop() as (folder, engine):
        image = Images(engine, print).target()
        key = ssh.make_key(folder)
        run = ["run", "--detach", "--interactive", "--publish", "127.0.0.1::22", "--env"]
        made: list[str] = []
        scenarios: list[Scenario] = []

        def docker(*words: str) -> str:
            return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()

        def started(_: int) -> str:
            made.append(docker(*run, f"BGASYNC_AUTHORIZED_KEY={key.public}", image, "/usr/lib/bgasync/init"))
            return made[-1]

        def answers(host: str) -> None:
            port = int(docker("port", host, "22").rpartition(":")[2])
            deadline = Deadline(600)
            assert deadline.wait_for(lambda: ssh.answers(("127.0.0.1", port), deadline))

        def one_by_one(number: int) -> None:
            for one in range(number):
                answers(started(one))

        def together(number: int) -> None:
            with ThreadPoolExecutor(16) as pool:
                list(pool.map(answers, pool.map(started, range(number))))

        def ours(number: int) -> None:
            wanted = Wanted([(f"host{one}", image) for one in range(number)], localhost=image, boot=600)
            scenarios.append(Scenario(engine, key, Limits(), Authority(), wanted))
            scenarios[-1].up()

        def tidy() -> None:
            while scenarios:
                scenarios.pop().close()
            if made:
                docker("rm", "--force", *made)
                made.clear()

        ways = {"one by one": one_by_one, "side by side": together, "pytest-bgasync": ours}
        try:
            for number in (1, 5, 20, 50):
                of_number = {f"{number} hosts, {name}": partial(way, number) for name, way in ways.items()}
                times |= side_by_side(of_number, 3, tidy)
        finally:
            tidy()
    return times


def workers() -> Times:
    """The scenarios of this project with two workers of xdist, and with none."""
    ways = {f"-n {number}": partial(command, [*PYTEST, "tests/scenarios", "-n", number], ROOT) for number in (0, 2)}
    return side_by_side(ways, rounds=2, warm=False)


def audit() -> Times:
    """The audit of playbooks that share 100 roles; a playbook comes to about 640 tasks, four of them of jobs."""
    times: Times = {}
    for number in (1, 10, 100):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_tree(folder, number)
            words = [*PYTEST, "--rootdir", folder, "--bgasync-audit", folder / "playbooks"]
            times |= side_by_side({f"{number} playbooks": partial(command, words, folder)}, rounds=3)
    return times


def by_pytest(*runs: list[object]) -> Times:
    """Run files of measurements as tests, which need hosts; they write what they measured."""
    with tempfile.TemporaryDirectory() as folder:
        for file, *options in runs:
            command([*PYTEST, HERE / str(file), *options], ROOT, BENCH_OUT=folder)
        times: Times = {}
        for file in sorted(Path(folder).glob("*.json"), key=lambda path: path.stat().st_mtime_ns):
            times |= json.loads(file.read_text())
        return times


@contextmanager
def workshop() -> Iterator[tuple[Path, Engine]]:
    """A folder and an engine for one benchmark."""
    engine = find()
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder), engine
    finally:
        engine.close()


BENCHMARKS: Mapping[str, Callable[[], Times]] = {
    "migration": migration,
    "scenarios": scenarios,
    "empty": empty,
    "tasks": tasks,
    "hosts": hosts,
    "jobs": jobs,
    "workers": workers,
    "audit": audit,
}


def write(results: Mapping[str, Times]) -> None:
    """Write the table and the plot."""
    lines = [HEAD]
    figure = Figure(figsize=(8, 2.2 * len(results)), layout="constrained")
    for (name, times), axis in zip(results.items(), figure.subplots(len(results), squeeze=False).flat, strict=True):
        title = str(BENCHMARKS[name].__doc__)
        medians = {way: statistics.median(taken) for way, taken in times.items()}
        firsts: dict[str, float] = {}
        lines += ["", f"## {title.rstrip('.')}", "", "| way | median | from | to | ratio |", "|---|---|---|---|---|"]
        for way, median in medians.items():
            unit = "MiB" if way.endswith("(MiB)") else "s"
            ratio = median / firsts.setdefault(f"{way.rpartition(', ')[0]} {unit}", median)
            figures = " | ".join(f"{value:.4g} {unit}" for value in (median, min(times[way]), max(times[way])))
            lines.append(f"| {way} | {figures} | {ratio:.2f} |")
        medians = {way: median for way, median in medians.items() if not way.endswith("(MiB)")}
        axis.barh(list(medians), list(medians.values()))
        axis.invert_yaxis()
        axis.set_title(title, fontsize="small")
        axis.set_xlabel("seconds")
    figure.savefig(PLOT)
    TABLE.write_text("\n".join(lines) + "\n")


def main() -> int:
    """Run the benchmarks that are named, all without a name."""
    unknown = set(sys.argv[1:]) - set(BENCHMARKS)
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    # As pip leaves a package; what is loaded in ansible-playbook compiles nothing.
    compileall.compile_dir(ROOT / "pytest_bgasync", quiet=1)
    results: dict[str, Times] = json.loads(RAW.read_text()) if RAW.exists() else {}
    for name in sys.argv[1:] or BENCHMARKS:
        print(name, flush=True)
        results[name] = BENCHMARKS[name]()
        RAW.write_text(json.dumps(results, indent=1) + "\n")
    write({name: results[name] for name in BENCHMARKS if name in results})
    return 0


if __name__ == "__main__":
    sys.exit(main())

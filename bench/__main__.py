"""`python -m bench`: everything in five minutes, `--quick` in one. Prints, and writes bench.json and bench.png."""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import cores, machine, models, plot, report, scenarios
from bench.house import House
from bench.peers import child, mlserver
from bench.peers.child import PeerFailed
from bench.session import FULL, QUICK, Session
from bench.target import Target, by_address

EXIT_USAGE = 64
RESULTS = Path("bench-results")
ECHOES = ("grpcio_echo", "ngh2_echo")


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser("python -m bench", description="Measure Gnomon beside its peers on this machine.")
    found.add_argument("--quick", action="store_true", help="the outline, in a minute, without heavy peers")
    found.add_argument("--scenario", action="append", choices=sorted(scenarios.ALL), help="only this one; repeatable")
    found.add_argument("--peer", action="append", default=[], metavar="NAME=HOST:PORT", help="a server with the models")
    found.add_argument("--no-mlserver", action="store_true", help="leave MLServer out")
    found.add_argument("--gateway-flag", action="append", default=[], metavar="FLAG=VALUE", help="for the gateway")
    found.add_argument("--results", type=Path, default=RESULTS, help=f"folder for what is written (default {RESULTS})")
    return found


@contextlib.contextmanager
def session(options: argparse.Namespace, peers: list[Target]) -> Iterator[Session]:
    """Starts the pair and the peers. End, in this order: peers, gateway, registry, the folder."""
    scale = QUICK if options.quick else FULL
    flags = tuple(text for flag in options.gateway_flag for text in f"--{flag.lstrip('-')}".split("=", 1))
    with contextlib.ExitStack() as stack:
        work = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="gnomon-bench-", ignore_cleanup_errors=True))
        )
        house = stack.enter_context(House(work / "pair", options.results / "models", scale.kinds, flags))
        found = Session(house=house, scale=scale, results_folder=options.results, work=work, peers=peers)
        for module in ECHOES:
            log = work / f"{module}.log"
            found.yardsticks.append(stack.enter_context(child.echo(module, 1, log, cores.split()[0])))
        if not (options.quick or options.no_mlserver):
            _add_mlserver(found, stack)
        yield found


def _add_mlserver(to: Session, stack: contextlib.ExitStack) -> None:
    cache = to.results_folder / "models"
    artifacts = {scenarios.TREES: models.artifact(models.Recipe(kind=scenarios.TREES), cache)}
    venvs = to.results_folder / "venvs"
    try:
        to.peers.append(stack.enter_context(mlserver.serving(artifacts, to.work, venvs, cores.split()[0])))
    except PeerFailed as error:
        to.note(f"MLServer is left out: {error}")


def run(options: argparse.Namespace, peers: list[Target]) -> int:
    """The chosen scenarios; a scenario that fails is told and the others go on."""
    described, failed = machine.describe() | {"gateway_flags": options.gateway_flag}, 0
    if len(os.sched_getaffinity(0)) < 2:
        print("bench: one core only: the generator and the server share it, and no figure can be trusted", flush=True)
    options.results.mkdir(parents=True, exist_ok=True)
    with session(options, peers) as running:
        for name in options.scenario or (scenarios.IN_QUICK if options.quick else scenarios.ALL):
            try:
                scenarios.ALL[name](running)
            except (RuntimeError, OSError) as error:
                failed += 1
                running.note(f"{name} failed: {error}")
    found = report.document(running.results, running.notes, described)
    report.write(found, options.results / "bench.json")
    plot.draw(found, options.results / "bench.png")
    print(report.table(found))
    return 1 if failed else 0


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    try:
        peers = [by_address(text) for text in options.peer]
    except ValueError as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_USAGE
    started = time.monotonic()
    code = run(options, peers)
    print(f"{time.monotonic() - started:.0f} s; {options.results}/bench.json, {options.results}/bench.png")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

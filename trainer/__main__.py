"""python -m trainer train|flights: makes versions of flight-delay, or writes the flights for others to replay.

Exit codes: 0 done, 64 bad arguments (one line says which), 1 anything else (one line says what).
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from gnomon.client import RegistryClient
from gnomon.errors import GnomonError
from trainer.data import held_out_rows
from trainer.errors import TrainerError, UnknownSpec
from trainer.flights import FEATURES, load
from trainer.publish import Package, publish
from trainer.spec import SPECS, TrainSpec, find_spec
from trainer.train import Trained, train

BAD_ARGUMENTS = 64


class Parser(argparse.ArgumentParser):
    """Leaves with 64 and one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_ARGUMENTS, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    options = parse(arguments)
    try:
        if options.command == "flights":
            write_flights(options.out)
        else:
            print(json.dumps(make(options.spec, options.registry, options.out)), flush=True)
    except (TrainerError, GnomonError, OSError) as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options. Leaves the process with 64 where they make no sense."""
    parser = Parser(prog="trainer", description="Makes versions of flight-delay.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train", help="train, evaluate, export, check and publish one version")
    one.add_argument("--spec", required=True, type=spec_of, help=f"which: {', '.join(SPECS)}")
    one.add_argument("--registry", type=target_of, metavar="HOST:PORT", help="register the version here")
    one.add_argument("--out", type=Path, metavar="DIR", help="write artifact, profile and warm-up here")
    data = commands.add_parser("flights", help="write all flights, and which rows each spec holds out, as .npz")
    data.add_argument("--out", required=True, type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.command == "train" and options.registry is None and options.out is None:
        one.error("one of --registry and --out is needed")
    return options


def spec_of(name: str) -> TrainSpec:
    """The spec of this name, for argparse."""
    try:
        return find_spec(name)
    except UnknownSpec as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def target_of(text: str) -> str:
    """HOST:PORT, for argparse."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r}: HOST:PORT expected, as 127.0.0.1:8501")
    return text


def make(spec: TrainSpec, registry: str | None, out: Path | None) -> dict[str, object]:
    """Trains, writes and publishes; returns the line of results."""
    started_s = time.monotonic()
    trained = train(load(), spec, now_unix_ms=time.time_ns() // 1_000_000)
    if out is not None:
        write_package(out, spec.name, trained.package)
    version = register(registry, trained) if registry is not None else None
    return {
        "model": spec.model,
        "version": version,
        "spec": spec.name,
        "artifact_sha256": hashlib.sha256(trained.package.artifact).hexdigest(),
        "data_sha256": trained.lineage.data_sha256,
        "git_commit": trained.lineage.git_commit,
        "metrics": trained.lineage.metrics,
        "rows": trained.agreement.rows,
        "max_abs_difference": trained.agreement.max_abs_difference,
        "seconds": round(time.monotonic() - started_s, 3),
    }


def register(registry: str, trained: Trained) -> int:
    """Publishes to the registry at HOST:PORT and returns the version's number."""
    with RegistryClient(registry) as client:
        return publish(client, trained.spec.model, trained.package, trained.lineage).version


def write_package(folder: Path, name: str, package: Package) -> None:
    """Writes NAME.onnx, NAME.profile and NAME.warmup."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, data in (("onnx", package.artifact), ("profile", package.profile), ("warmup", package.warmup)):
        (folder / f"{name}.{suffix}").write_bytes(data)


def write_flights(path: Path) -> None:
    """Writes features, label, tailnum, scheduled, month, columns, and held_out_SPEC row indexes for every spec."""
    flights = load()
    held_out: dict[str, Any] = {f"held_out_{name}": held_out_rows(flights, spec) for name, spec in SPECS.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(
            file,
            features=flights.features,
            label=flights.label,
            tailnum=flights.tailnum,
            scheduled=flights.scheduled,
            month=flights.month,
            columns=np.array(FEATURES),
            **held_out,
        )


if __name__ == "__main__":
    sys.exit(main())

"""`python -m gateway`: the supervisor. `python -m gateway worker|observer|shadow|shipper|publisher`: what it starts.

`python -m gateway verify`: proves the books of a folder. `python -m gateway answered`: what a version answered.
"""

import argparse
import ctypes
import dataclasses
import importlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from gateway import config as configuration
from gateway.config import Config, ConfigInvalid
from gateway.consumer import hold_stop

BAD_CONFIG = 64
PR_SET_PDEATHSIG = 1
CHILDREN = ("worker", "observer", "shadow", "shipper", "publisher")


def log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )


def die_with(parent: int) -> None:
    """Linux sends SIGTERM when the supervisor is gone, so that nobody serves or reads unwatched: not of one that was
    gone before it was asked.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("gateway: the supervisor is gone")


class Parser(argparse.ArgumentParser):
    """Answers bad flags as it does bad settings."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_CONFIG, f"{self.prog}: {message}\n")


def supervisor_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="gateway", description="Serves ONNX models as a registry says.")
    parser.add_argument("--config", type=Path, help="TOML file of settings")
    for item in dataclasses.fields(Config):
        flag = "--" + item.name.replace("_", "-")
        parser.add_argument(flag, metavar="VALUE", help=f"{item.metadata['help']} (default {item.default})")
    return parser


def child_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="gateway")
    parser.add_argument("role", choices=CHILDREN)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    for flag in ("slot", "line", "host", "port", "admin-port"):
        parser.add_argument(f"--{flag}", type=int, default=0)
    return parser


def run_supervisor(arguments: list[str]) -> int:
    flags = vars(supervisor_parser().parse_args(arguments))
    try:
        config = configuration.load(flags.pop("config"), os.environ, flags)
    except ConfigInvalid as error:
        print(f"gateway: {error}", file=sys.stderr)
        return BAD_CONFIG
    from gateway import supervisor  # only this role needs it

    try:
        supervisor.run(config)
    except (supervisor.AlreadyRunning, OSError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    return 0


def run_child(arguments: list[str]) -> int:
    """One role a process, each importing only what it needs: a worker has no use for numba or pyarrow."""
    flags = child_parser().parse_args(arguments)
    die_with(flags.parent)
    if flags.role != "worker":
        hold_stop()
    config = Config.from_json(flags.config.read_text())
    role = importlib.import_module(f"gateway.{flags.role}")
    if flags.role == "worker":
        role.run(
            config,
            slot=flags.slot,
            host=flags.host,
            port=flags.port,
            descriptor=flags.line,
            admin_port=flags.admin_port,
        )
    else:
        role.run(config)
    return 0


def main() -> int:
    log_to_stderr()
    arguments = sys.argv[1:]
    if arguments[:1] == ["verify"]:
        from gateway import verify  # only this role needs it

        return verify.main(arguments[1:])
    if arguments[:1] == ["answered"]:
        from gateway import answered  # likewise

        return answered.main(arguments[1:])
    return run_child(arguments) if arguments and arguments[0] in CHILDREN else run_supervisor(arguments)


if __name__ == "__main__":
    sys.exit(main())

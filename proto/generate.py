"""Writes the generated code under gnomon/ from the contracts beside this file; with --check, only compares.

Run by `make generate` and `make generated`. Needs grpcio-tools, pinned to the oldest version whose output we support.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent
ROOT = PROTO.parent
OURS = sorted(path.relative_to(PROTO).as_posix() for path in (PROTO / "gnomon").rglob("*.proto"))
OPEN_INFERENCE = "inference/open_inference.proto"


def run(*arguments: str) -> None:
    """Raises: SystemExit when protoc refuses a contract (it has printed why)."""
    if protoc.main(["protoc", f"-I{PROTO}", *arguments]) != 0:
        raise SystemExit(f"protoc failed on: {' '.join(arguments)}")


def generate(into: Path) -> None:
    """Our own contracts as modules; the Open Inference Protocol as a descriptor set for a private pool."""
    (into / "gnomon").mkdir(exist_ok=True)
    run(f"--python_out={into}", f"--pyi_out={into}", f"--grpc_python_out={into}", *OURS)
    run(f"--descriptor_set_out={into / 'gnomon' / 'oip.binpb'}", OPEN_INFERENCE)
    for stub in into.glob("gnomon/profile/v1/*_pb2_grpc.py"):  # a contract without a service
        stub.unlink()


def stale(fresh: Path) -> list[str]:
    """Names of the generated files whose committed bytes differ from `fresh`."""
    names = [path.relative_to(fresh) for path in sorted(fresh.rglob("*")) if path.is_file()]
    return [
        str(name)
        for name in names
        if not (ROOT / name).exists() or (ROOT / name).read_bytes() != (fresh / name).read_bytes()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the committed code differs")
    if not parser.parse_args().check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as directory:
        generate(Path(directory))
        different = stale(Path(directory))
    for name in different:
        print(f"{name}: differs from what proto/ generates; run `make generate`", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

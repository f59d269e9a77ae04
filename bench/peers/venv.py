"""Environments of heavy peers: made on demand beside the results, so that theirs and ours never meet."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.peers.child import PeerFailed

INSTALL_TIMEOUT_S = 300.0


def interpreter(folder: Path, packages: Sequence[str]) -> Path:
    """The environment's Python, with `packages` installed. Raises: PeerFailed."""
    python, done = folder / "bin" / "python", folder / ".installed"
    wanted = "\n".join(packages)
    if not done.exists() or done.read_text() != wanted:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
        done.write_text(wanted)
    return python


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise PeerFailed(f"{' '.join(command)}: not done in {INSTALL_TIMEOUT_S:.0f} s") from None
    except (OSError, subprocess.CalledProcessError) as error:
        words = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise PeerFailed(f"{' '.join(command[:4])}: {words[-1] if words else error}") from None

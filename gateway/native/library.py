"""The compiled lane of this machine: from the user's cache, compiled first where it is not there yet.

Compiling takes some seconds, once a version of Gnomon, of numba and of the processor; it runs in a process of its own,
so that no serving process imports numba.
"""

import ctypes
import fcntl
import functools
import hashlib
import importlib.metadata
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gateway.native import binding
from gateway.native.objects import Code, Unloadable

log = logging.getLogger(__name__)

BUILD_TIMEOUT_S = 300.0
KEPT = 3  # older builds
CALLBACKS = ("on_begin_headers", "on_header", "on_data_chunk_recv", "on_frame_recv", "on_stream_close")
_W, _B = ctypes.c_int64, ctypes.c_char_p  # a word; the bytes of a bytes object
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "send_headers": (_W, _W, _B, _W, _W), "send_data": (_W, _W, _B, _W), "send_trailers": (_W, _W, _B, _W, _W),
    "queued": (_W, _W), "receive": (_W, _B, _W), "close": (_W,),
    "refuse": (_W, _B, _W), "hand_back": (_W,), "answer": (_W, _W), "record_bytes": (_W,), "count_dead": (_W, _W, _W),
    "watch": (_W, _W), "unwatch": (_W,), "poll": (_W, _W), "flush": (_W,), "flush_one": (_W,),
    "hash_of": (_B, _W, _B, _W), "key_state": (_W, _B, _W, _W),
}  # fmt: skip


def cache_folder() -> Path:
    """GNOMON_CACHE_DIR, else the user's cache; where that cannot be written, a folder for temporary files."""
    wanted = os.environ.get("GNOMON_CACHE_DIR")
    home = Path(wanted) if wanted else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gnomon"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            return home
    except OSError:
        return Path(tempfile.gettempdir()) / f"gnomon-{os.getuid()}"


def _processor() -> str:
    """What the code is compiled for: the same features on every core of a machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "".join(
        next((line for line in lines if line.startswith(name)), "") for name in ("model\t", "model name", "flags")
    )


def _key() -> str:
    digest = hashlib.sha256(_processor().encode())
    for package in ("numba", "llvmlite", "ngh2"):
        digest.update(f"{package}={importlib.metadata.version(package)}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _built() -> Path:
    """The folder of this machine's object files. Raises: Unloadable."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder / f"native-{_key()}"
    if found.is_dir():
        return found
    with (folder / "native.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be at it
        if not found.is_dir():
            _build(folder, found)
    return found


def _build(folder: Path, into: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix="native-", dir=folder))
    try:
        log.info("compiling the native lane for this machine into %s", into)
        command = [sys.executable, "-m", "gateway.native.build", str(fresh)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
        if done.returncode:
            raise Unloadable(f"the native lane could not be compiled: {done.stderr.strip()[-2000:]}")
        fresh.rename(into)
        _forget_old(folder, into)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _forget_old(folder: Path, newest: Path) -> None:
    """Those of versions before; a process that has loaded one has no more need of the files."""
    found = sorted((path for path in folder.glob("native-*") if path != newest), key=lambda path: path.stat().st_mtime)
    for path in found[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)


class Library:
    """libnghttp2 and the compiled functions, ready to be called: `library.receive(connection, data, size)`."""

    def __init__(self) -> None:
        """Raises: Unloadable, ImportError."""
        self.nghttp2 = binding.library()
        files = {path.stem: path.read_bytes() for path in sorted(_built().glob("*.o"))}
        self.code = Code(files, (self.nghttp2, ctypes.PyDLL(None)))
        for name, arguments in ARGUMENTS.items():
            setattr(self, name, ctypes.PYFUNCTYPE(_W, *arguments)(self.code.addresses[name]))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@functools.cache
def library() -> Library:
    """The one of this process. Raises: Unloadable, ImportError."""
    return Library()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(_built())

"""A disk of our own, to be made slow or full: a file system in a file, on a loop device that the kernel holds back.

Holding back is a cgroup's limit on writes to that device (blkio of cgroups v1, root group): it takes no processor time,
which a writer that competes for the disk does. Wants root and mkfs.ext4.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

THROTTLE = Path("/sys/fs/cgroup/blkio")
LIMITS = ("write_iops_device", "write_bps_device")
PIECE_BYTES = 1 << 20


def possible() -> bool:
    """Whether this machine and this user can have one."""
    limits = all(os.access(THROTTLE / f"blkio.throttle.{name}", os.W_OK) for name in LIMITS)
    tools = Path("/dev/loop-control").exists() and shutil.which("mkfs.ext4") is not None
    return os.geteuid() == 0 and tools and limits


class LoopDisk:
    """Mounted at `folder` while it is entered."""

    def __init__(self, work: Path, size_bytes: int) -> None:
        self.folder = work / "disk"
        self._image = work / "disk.img"
        self._size_bytes = size_bytes
        self._device = ""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        with self._image.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self._size_bytes)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self._device = _run("losetup", "--find", "--show", str(self._image))
        _run("mount", self._device, str(self.folder))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.throttle(0, 0)
        _run("umount", "--lazy", str(self.folder))
        _run("losetup", "--detach", self._device)
        self._image.unlink()

    def throttle(self, writes_per_s: int, bytes_per_s: int) -> None:
        """0: no limit."""
        number = Path(f"/sys/block/{Path(self._device).name}/dev").read_text().strip()
        for name, limit in zip(LIMITS, (writes_per_s, bytes_per_s), strict=True):
            (THROTTLE / f"blkio.throttle.{name}").write_text(f"{number} {limit}")

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Not a block is left."""
        ballast = self.folder / "ballast"
        with ballast.open("wb") as file:
            for piece in (PIECE_BYTES, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, piece)
        try:
            yield
        finally:
            ballast.unlink()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

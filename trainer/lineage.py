"""Where a version comes from: the commit of this code and the framework that fitted it."""

import shutil
import subprocess
from pathlib import Path

import skl2onnx
import sklearn

HERE = Path(__file__).resolve().parent
UNKNOWN = "unknown"
GIT_TIMEOUT_S = 10.0


def framework() -> str:
    """Names and versions of what fitted and exported the model."""
    return f"scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}"


def git_commit(folder: Path = HERE) -> str:
    """The commit of the code in `folder`, "-dirty" where tracked files differ from it, "unknown" where there is none.

    Code that is installed inside somebody else's work tree does not bear their commit: git must track the folder.
    """
    if shutil.which("git") is None:
        return commit_on_file(folder.parent / ".git")
    if not git(folder, "ls-files"):
        return UNKNOWN
    commit = git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return UNKNOWN
    return commit + ("-dirty" if git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def git(folder: Path, *arguments: str) -> str:
    """What git prints, stripped; empty where it fails."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def commit_on_file(repository: Path) -> str:
    """The commit that HEAD names in a repository's folder, read without git; "unknown" where it names none."""
    head = text_of(repository / "HEAD")
    if not head.startswith("ref: "):
        return head or UNKNOWN
    name = head.removeprefix("ref: ")
    packed = (line.split(" ", 1) for line in text_of(repository / "packed-refs").splitlines() if line[:1] not in "#^")
    return text_of(repository / name) or next((line[0] for line in packed if line[1:] == [name]), UNKNOWN)


def text_of(path: Path) -> str:
    """The stripped text of a file; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""

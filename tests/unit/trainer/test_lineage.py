import shutil
import subprocess
from pathlib import Path

import pytest

from trainer import lineage

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "code.py").write_text("pass\n")
    return folder


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_a_folder_without_git_has_an_unknown_commit(package: Path) -> None:
    assert lineage.git_commit(package) == "unknown"


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_committed_folder_has_its_commit_and_an_edited_one_is_dirty(package: Path) -> None:
    git(package.parent, "init")
    git(package.parent, "add", "package/code.py")
    assert lineage.git_commit(package) == "unknown", "nothing committed yet"
    git(package.parent, "commit", "-m", "one")
    commit = lineage.git_commit(package)
    assert len(commit) == 40
    assert lineage.commit_on_file(package.parent / ".git") == commit
    (package / "code.py").write_text("raise SystemExit\n")
    assert lineage.git_commit(package) == commit + "-dirty"


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_code_installed_inside_a_strangers_repository_does_not_bear_its_commit(package: Path) -> None:
    git(package.parent, "init")
    git(package.parent, "commit", "--allow-empty", "-m", "theirs")
    assert lineage.git_commit(package) == "unknown"


def test_without_the_program_the_commit_is_read_from_the_files(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage.shutil, "which", lambda name: None)
    repository = package.parent / ".git"
    (repository / "refs" / "heads").mkdir(parents=True)
    (repository / "HEAD").write_text("ref: refs/heads/main\n")
    assert lineage.git_commit(package) == "unknown"
    (repository / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    assert lineage.git_commit(package) == COMMIT
    (repository / "HEAD").write_text(f"{COMMIT[::-1]}\n")
    assert lineage.git_commit(package) == COMMIT[::-1]

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.home import held, write_private
from embedded.refusal import Refused


@pytest.fixture(autouse=True)
def _same_umask() -> object:
    before = os.umask(0o022)
    os.umask(before)
    yield None
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_home_is_made_for_the_user_alone(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    with held(home):
        (home / "file").touch()
        (home / "folder").mkdir()
    assert mode(home) == 0o700
    assert mode(home / "folder") == 0o700
    assert mode(home / "file") == 0o600


def test_an_empty_folder_becomes_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with held(tmp_path):
        pass
    assert mode(tmp_path) == 0o700


def test_a_folder_with_other_things_in_it_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    tmp_path.chmod(0o755)
    with held(tmp_path):
        pass
    assert mode(tmp_path) == 0o755


def test_a_second_holder_is_refused_in_one_line_that_names_the_first(tmp_path: Path) -> None:
    with (
        held(tmp_path),
        pytest.raises(Refused, match=f"already in use by process {os.getpid()}") as refused,
        held(tmp_path),
    ):
        pass
    assert "\n" not in str(refused.value)


def test_it_can_be_held_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with held(tmp_path):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    lines = (
        "import os, sys, pathlib, embedded.home",
        "with embedded.home.held(pathlib.Path(sys.argv[1])): os._exit(9)",
    )
    dies = [sys.executable, "-c", "\n".join(lines), str(tmp_path)]
    assert subprocess.run(dies, check=False).returncode == 9
    with held(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="cannot be used"), held(tmp_path / "file" / "home"):
        pass


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("a longer text that was there before")
    path.chmod(0o644)
    write_private(path, "new\n")
    assert path.read_text() == "new\n"
    assert mode(path) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["url"]

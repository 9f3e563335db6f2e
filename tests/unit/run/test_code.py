import subprocess
import sys
from pathlib import Path
from shutil import copytree

import steepest
from steepest.run.code import code

HERE = Path(steepest.__file__).parent


def test_the_hash_follows_the_sources_that_decide_about_weights_and_no_others(tmp_path: Path) -> None:
    copytree(HERE, tmp_path / "steepest", ignore=lambda _, names: [n for n in names if n == "__pycache__"])

    def change(file: str) -> None:
        path = tmp_path / "steepest" / file
        path.write_text(path.read_text("utf-8") + "\n", "utf-8")

    def fresh() -> str:
        program = "from steepest.run.code import code; print(code().sha256)"
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert fresh() == code().sha256
    change("client/client.py")
    assert fresh() == code().sha256
    change("trainer/penalties.py")
    assert fresh() != code().sha256


def test_it_is_read_once() -> None:
    assert code() is code()

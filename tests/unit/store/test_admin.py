"""Operators' commands, as they are typed."""

import subprocess
import sys
from pathlib import Path

import pytest

from store import keys, migrate
from store.admin import main
from store.database import Database
from store.models import DEFAULT_ACCOUNT

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Run":
    return Run(monkeypatch, capsys)


class Run:
    """Calls the command as the shell would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, url: str, *arguments: str) -> tuple[int, str, str]:
        self.monkeypatch.setenv("STEEPEST_DATABASE_URL", url)
        self.monkeypatch.setattr(sys, "argv", ["store.admin", *arguments])
        try:
            code = main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        out, err = self.capsys.readouterr()
        return code, out, err


def test_a_key_is_made_shown_once_listed_and_revoked(run: Run, database: Database, database_url: str) -> None:
    code, out, told = run(database_url, "keys", "create", "--name", "ci", "--scope", "read", "--scope", "write")
    assert code == 0
    secret = out.splitlines()[-1]
    with database.read() as session:
        principal = keys.authenticate(session, secret)
    assert principal is not None
    assert principal.scopes == {"read", "write"}
    assert principal.key_id in told

    _, listed, _ = run(database_url, "keys", "list")
    assert principal.key_id in listed
    assert "valid" in listed
    assert "read+write" in listed
    assert secret not in listed

    assert run(database_url, "keys", "revoke", principal.key_id)[0] == 0
    assert "revoked" in run(database_url, "keys", "list")[1]
    with database.read() as session:
        assert keys.authenticate(session, secret) is None


def test_migrate_makes_the_first_key_once(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    code, out, _ = run(url, "migrate", "--first-key")
    assert code == 0
    secret = out.split()[-1]
    assert secret.startswith("sk_")
    code, out, _ = run(url, "migrate", "--first-key")
    assert code == 0
    assert out.endswith(f"The database is at {migrate.head()}.\n")
    with Database(url) as database, database.read() as session:
        assert len(keys.every(session, DEFAULT_ACCOUNT)) == 1


def test_errors_are_one_line(run: Run, database_url: str, tmp_path: Path) -> None:
    calls = [
        (database_url, ("keys", "revoke", "key_nothing"), "key_nothing"),
        (f"sqlite:///{tmp_path / 'empty.db'}", ("keys", "list"), "store.admin migrate"),
        ("mysql://root:secret@db/x", ("keys", "list"), "STEEPEST_DATABASE_URL"),
        ("postgresql://root:secret@127.0.0.1:1/x", ("keys", "list"), "does not answer"),
    ]
    for url, arguments, said in calls:
        code, _, err = run(url, *arguments)
        assert code == 1
        assert err.startswith("store.admin: ")
        assert err.count("\n") == 1
        assert said in err
        assert "secret" not in err


def test_as_a_process_it_says_nothing_but_its_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEEPEST_DATABASE_URL", f"sqlite:///{tmp_path / 'none' / 'none.db'}")
    command = [sys.executable, "-m", "store.admin", "keys", "list"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "unable to open database file" in done.stderr


def test_a_home_that_nobody_has_used_is_made(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'home' / 'steepest.db'}"
    code, out, err = run(url, "migrate", "--first-key")
    assert (code, err) == (0, "")
    assert "sk_" in out
    assert (tmp_path / "new" / "home").stat().st_mode & 0o777 == 0o700

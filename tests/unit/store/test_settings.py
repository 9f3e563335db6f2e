"""Settings are read from the environment, once, and what cannot be read is told in one line."""

import dataclasses
from pathlib import Path

import pytest

from store.settings import Keep, Limits, Settings, SettingsError


def test_an_empty_environment_gives_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({})
    assert settings.home == tmp_path / ".steepest"
    assert (settings.host, settings.port, settings.lease_seconds) == ("127.0.0.1", 8000, 15.0)
    assert (settings.heartbeat_seconds, settings.reconcile_seconds) == (5.0, 2.5)
    assert settings.database_url == f"sqlite:///{settings.home}/steepest.db"
    assert settings.broker_url == f"redis+socket://{settings.broker_socket}"
    assert (settings.limits.upload_bytes, settings.limits.json_bytes, settings.limits.prediction_rows) == (
        8 * 2**30,
        16 * 2**20,
        10_000,
    )


def test_every_setting_is_read() -> None:
    settings = Settings.from_environment(
        {
            "STEEPEST_HOME": "/srv/steepest",
            "STEEPEST_HOST": "0.0.0.0",
            "STEEPEST_PORT": "80",
            "STEEPEST_DATABASE_URL": "postgresql://user:secret@db/steepest",
            "STEEPEST_BROKER_URL": "redis://:secret@broker:6379/0",
            "STEEPEST_LEASE_SECONDS": "1.5",
            "STEEPEST_PUBLIC_URL": "https://steepest.example.org/",
            "STEEPEST_TRUSTED_PROXIES": "2",
            "STEEPEST_THREADS": "128",
            "STEEPEST_SLOTS": "3",
        }
    )
    assert settings.home == Path("/srv/steepest")
    assert (settings.host, settings.port, settings.lease_seconds) == ("0.0.0.0", 80, 1.5)
    assert (settings.public_url, settings.trusted_proxies) == ("https://steepest.example.org", 2)
    assert (settings.threads, settings.streams, settings.slots) == (128, 51, 3)
    assert "secret" not in repr(settings)


def test_every_limit_has_its_variable() -> None:
    names = [limit.name for limit in dataclasses.fields(Limits)]
    environ = {f"STEEPEST_{name.upper()}": str(number) for number, name in enumerate(names, start=1)}
    assert dataclasses.asdict(Settings.from_environment(environ).limits) == dict(zip(names, range(1, 99), strict=False))


def test_everything_is_kept_unless_a_number_of_days_is_given() -> None:
    assert Settings.from_environment({}).keep == Keep(None, None, None, None)
    found = Settings.from_environment({"STEEPEST_KEEP_JOBS_DAYS": "30", "STEEPEST_KEEP_DATASETS_DAYS": "0.5"}).keep
    assert found == Keep(jobs_days=30, datasets_days=0.5)
    for wrong in ("0", "-1", "nan", "inf", "a week"):
        with pytest.raises(SettingsError, match="STEEPEST_KEEP_JOBS_DAYS"):
            Settings.from_environment({"STEEPEST_KEEP_JOBS_DAYS": wrong})


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("PORT", "eighty", "a port number"),
        ("PORT", "70000", "a port number"),
        ("LEASE_SECONDS", "0.5", "at least 1"),
        ("LEASE_SECONDS", "nan", "at least 1"),
        ("ENVIRONMENT_WAIT_SECONDS", "-1", "at least 0"),
        ("UPLOAD_BYTES", "8 GiB", "a whole number"),
        ("THREADS", "0", "at least 1"),
        ("DATABASE_URL", "mysql://root:secret@db/x", "postgresql://"),
        ("BROKER_URL", "amqp://guest:secret@broker", "redis://"),
        ("PUBLIC_URL", "steepest.example.org", "https://"),
    ],
)
def test_a_malformed_value_is_one_line_with_the_remedy_and_no_secret(name: str, value: str, remedy: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_environment({f"STEEPEST_{name}": value})
    line = error.value.detail
    assert line.startswith(f"STEEPEST_{name} ")
    assert remedy in line
    assert "\n" not in line
    assert "secret" not in line


def test_an_empty_value_counts_as_none() -> None:
    assert Settings.from_environment({"STEEPEST_PORT": ""}).port == 8000


def test_a_socket_path_that_is_too_long_is_replaced_by_a_short_one(tmp_path: Path) -> None:
    deep = Settings(home=tmp_path / ("deep" * 30))
    other = Settings(home=tmp_path / ("deeper" * 20))
    assert len(bytes(deep.broker_socket)) < 100
    assert deep.broker_socket != other.broker_socket
    assert deep.broker_socket == Settings(home=deep.home).broker_socket
    assert Settings(home=Path("/srv/steepest")).broker_socket == Path("/srv/steepest/valkey.sock")

from pathlib import Path

import pytest

from steepest.client.endpoint import Endpoint


def home_of(folder: Path, *, key: str = "home_key", url: str | None = None) -> dict[str, str]:
    (folder / "key").write_text(key + "\n")
    if url:
        (folder / "url").write_text(url + "\n")
    return {"STEEPEST_HOME": str(folder)}


def test_arguments_come_before_the_environment_and_that_before_the_home(tmp_path: Path) -> None:
    home = home_of(tmp_path, url="http://127.0.0.1:7001")
    environ = home | {"STEEPEST_URL": "http://127.0.0.1:7002", "STEEPEST_API_KEY": "environment_key"}
    assert Endpoint.find(None, None, home) == Endpoint("http://127.0.0.1:7001", "home_key")
    assert Endpoint.find(None, None, environ) == Endpoint("http://127.0.0.1:7002", "environment_key")
    assert Endpoint.find("http://127.0.0.1:7003", "my_key", environ) == Endpoint("http://127.0.0.1:7003", "my_key")


def test_without_anything_it_is_the_default_port_of_this_machine(tmp_path: Path) -> None:
    environ = {"STEEPEST_HOME": str(tmp_path / "nowhere"), "STEEPEST_URL": ""}
    assert Endpoint.find(None, None, environ) == Endpoint("http://127.0.0.1:8000", None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.2", "http://127.0.0.2:7000"),
        ("0.0.0.0", "http://127.0.0.1:7000"),
        ("::", "http://[::1]:7000"),
        ("::1", "http://[::1]:7000"),
    ],
)
def test_an_address_to_listen_at_becomes_one_to_connect_to(tmp_path: Path, host: str, expected: str) -> None:
    environ = home_of(tmp_path) | {"STEEPEST_HOST": host, "STEEPEST_PORT": "7000"}
    assert Endpoint.find(None, None, environ) == Endpoint(expected, "home_key")


def test_the_homes_key_is_never_shown_to_another_machine(tmp_path: Path) -> None:
    environ = home_of(tmp_path)
    assert Endpoint.find("https://training.example.com", None, environ).key is None
    assert Endpoint.find("http://127.0.0.1.example.com", None, environ).key is None
    assert Endpoint.find("http://localhost:9000", None, environ).key == "home_key"


def test_the_homes_key_goes_to_the_address_that_the_home_itself_names(tmp_path: Path) -> None:
    environ = home_of(tmp_path, url="http://192.168.1.5:8000")
    assert Endpoint.find(None, None, environ) == Endpoint("http://192.168.1.5:8000", "home_key")
    assert Endpoint.find("http://192.168.1.6:8000", None, environ).key is None


@pytest.mark.parametrize("url", ["http://host:1/", "http://host:1/v1", "http://host:1/v1/", " http://host:1"])
def test_what_people_add_to_an_address_is_taken_away(url: str) -> None:
    assert Endpoint.find(url, "k", {}).url == "http://host:1"


def test_a_prefix_stays() -> None:
    assert Endpoint.find("https://host/steepest/v1", "k", {}).url == "https://host/steepest"


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "host", "http://host:port"])
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match=r"looks like http://127\.0\.0\.1:8000"):
        Endpoint.find(url, "k", {})


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="user or password") as caught:
        Endpoint.find("http://me:hunter2@host", "k", {})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        Endpoint.find("http://host", key, {})
    assert key not in str(caught.value)


def test_the_key_is_not_part_of_the_repr() -> None:
    assert "secret" not in repr(Endpoint("http://host", "secret"))

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from steepest.client import DamagedDownload, Unreachable
from steepest.spec.errors import Conflict
from tests.unit.client.fake import JOB, WEIGHTS, FakeService

ETAG = f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.status = "succeeded"
    return service


class Torn(httpx.SyncByteStream):
    """A body whose connection breaks behind its bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self.content
        raise httpx.ReadError("connection reset")


def torn(
    content: bytes, start: int = 0, etag: str = ETAG, status: int = 200
) -> Callable[[httpx.Request], httpx.Response]:
    headers = {"ETag": etag, "Content-Length": str(len(WEIGHTS) - start)}
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{len(WEIGHTS) - 1}/{len(WEIGHTS)}"
    return lambda _: httpx.Response(status, headers=headers, stream=Torn(content))


def alone(path: Path) -> bool:
    return [path] == list(path.parent.iterdir())


@pytest.mark.parametrize(("name", "format_"), [("m.safetensors", "safetensors"), ("m.NPZ", "npz"), ("m.onnx", "onnx")])
def test_the_suffix_is_the_format(service: FakeService, tmp_path: Path, name: str, format_: str) -> None:
    saved = service.client().weights.download(JOB, tmp_path / name)
    assert saved.read_bytes() == WEIGHTS
    assert dict(service.requests[0].url.params) == {"format": format_}
    assert alone(saved)


def test_format_and_checkpoint_can_be_named(service: FakeService, tmp_path: Path) -> None:
    service.client().weights.download(JOB, tmp_path / "model", format="npz", checkpoint=12)
    assert dict(service.requests[0].url.params) == {"format": "npz", "checkpoint": "12"}
    with pytest.raises(ValueError, match="names no format"):
        service.client().weights.download(JOB, tmp_path / "model.txt")


def test_a_broken_download_goes_on_where_it_broke(service: FakeService, tmp_path: Path) -> None:
    service.faults = [torn(WEIGHTS[:100]), torn(WEIGHTS[100:107], start=100, status=206)]
    seen: list[tuple[int, int | None]] = []
    saved = service.client().weights.download(
        JOB, tmp_path / "m.npz", on_progress=lambda here, total: seen.append((here, total))
    )
    assert saved.read_bytes() == WEIGHTS
    first, second, third = (request.headers for request in service.requests)
    assert "Range" not in first
    assert (second["Range"], second["If-Range"]) == ("bytes=100-", ETAG)
    assert third["Range"] == "bytes=107-"
    assert seen == [(100, len(WEIGHTS)), (107, len(WEIGHTS)), (len(WEIGHTS), len(WEIGHTS))]


def test_weights_that_changed_in_between_are_fetched_anew(service: FakeService, tmp_path: Path) -> None:
    service.faults = [
        torn(b"older" * 20, etag=f'"{"0" * 64}"'),
        lambda _: httpx.Response(200, content=WEIGHTS, headers={"ETag": ETAG}),
    ]
    assert service.client().weights.download(JOB, tmp_path / "m.npz").read_bytes() == WEIGHTS


def test_a_break_behind_the_last_byte_is_none(service: FakeService, tmp_path: Path) -> None:
    service.faults = [torn(WEIGHTS)]
    assert service.client().weights.download(JOB, tmp_path / "m.npz").read_bytes() == WEIGHTS
    assert len(service.requests) == 1


def test_breaks_without_progress_end(service: FakeService, tmp_path: Path) -> None:
    service.faults = [torn(b"")] * 100
    with pytest.raises(Unreachable):
        service.client().weights.download(JOB, tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_cannot_resume_is_not_asked_for_ever(service: FakeService, tmp_path: Path) -> None:
    service.faults = [torn(WEIGHTS[:100])] * 100
    with pytest.raises(Unreachable):
        service.client().weights.download(JOB, tmp_path / "m.npz")
    assert len(service.requests) <= 10


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=WEIGHTS[:-1] + b"!", headers={"ETag": ETAG}),
        httpx.Response(200, stream=httpx.ByteStream(WEIGHTS[:-1]), headers={"ETag": ETAG, "Content-Length": "10240"}),
    ],
)
def test_damage_is_noticed_and_the_old_file_kept(service: FakeService, tmp_path: Path, answer: httpx.Response) -> None:
    path = tmp_path / "m.npz"
    path.write_bytes(b"the model of yesterday")
    service.faults = [answer]
    with pytest.raises(DamagedDownload, match="try again"):
        service.client().weights.download(JOB, path)
    assert path.read_bytes() == b"the model of yesterday"
    assert alone(path)


def test_a_folder_that_is_not_there_is_told_by_the_name_that_was_asked_for(
    service: FakeService, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        service.client().weights.download(JOB, tmp_path / "nowhere" / "m.npz")
    assert missing.value.filename == str(tmp_path / "nowhere" / "m.npz")


def test_a_refusal_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="once it has succeeded"):
        FakeService().client().weights.download(JOB, tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []

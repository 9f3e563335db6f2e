"""The API in process: a real database, a recording queue, and a caller who checks the shape of every error."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask

from service.app import create_app
from store import keys
from store.database import Database, now
from store.keys import Scope
from store.models import DEFAULT_ACCOUNT, AccountRow
from store.settings import Limits, Settings
from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop

NAMES = ("setosa", "versicolor", "virginica")
FLOWERS = "length,width,colour,species\n" + "".join(
    f"{4 + index % 3}.{index % 10},{3 + index % 3}.{index % 7},{'red' if index % 2 else 'blue'},{NAMES[index % 3]}\n"
    for index in range(59)
)
"""Three classes that lengths tell apart, and a row without a colour."""

OTHER_ACCOUNT = "acc_00000000000070008000000000000002"
MakeKey = Callable[..., str]


@pytest.fixture
def flowers() -> bytes:
    return (FLOWERS + "6.1,5.2,,virginica\n").encode()


@pytest.fixture
def limits() -> Limits:
    """Small enough for a test to reach."""
    return Limits(
        upload_bytes=3 << 20,
        json_bytes=64 << 10,
        prediction_rows=50,
        parameters=100_000,
        epochs=1_000,
        importance_rows=1_000,
    )


@pytest.fixture
def settings(tmp_path: Path, database_url: str, limits: Limits) -> Settings:
    return Settings(home=tmp_path, database_url=database_url, broker_url="memory://", threads=10, limits=limits)


@pytest.fixture
def queue() -> RecordingQueue:
    return RecordingQueue()


@pytest.fixture
def app(settings: Settings, database: Database, queue: RecordingQueue) -> APIFlask:
    return create_app(settings, database, queue)


@pytest.fixture
def make_key(database: Database) -> MakeKey:
    """Makes a key of some scopes, of the first account or of another."""

    def make(*scopes: Scope, account: str = DEFAULT_ACCOUNT) -> str:
        with database.write() as session:
            if session.get(AccountRow, account) is None:
                session.add(AccountRow(id=account, name="other", created_at=now(session)))
                session.flush()
            return keys.create(session, account, scopes, "test")[1]

    return make


@pytest.fixture
def call(app: APIFlask, make_key: MakeKey) -> Caller:
    """Someone who may read and write."""
    return Caller(app, make_key("read", "write"))


@pytest.fixture
def stranger(app: APIFlask, make_key: MakeKey) -> Caller:
    """Someone of another account who may do everything there."""
    return Caller(app, make_key("read", "write", "admin", account=OTHER_ACCOUNT))


@pytest.fixture
def workshop(settings: Settings, database: Database, queue: RecordingQueue) -> Iterator[Workshop]:
    shop = Workshop(settings, database, queue)
    yield shop
    shop.close()


@pytest.fixture
def dataset(call: Caller, workshop: Workshop, flowers: bytes) -> str:
    """A data set that is ready."""
    made = call.upload(flowers)
    workshop.ingest(made)
    return made


@pytest.fixture
def job(call: Caller, workshop: Workshop, dataset: str) -> dict[str, Any]:
    """A job that succeeded, really trained."""
    made = call.submit(dataset, layers=[{"units": 8}], epochs=6, name="first")
    workshop.train(made["id"])
    finished: dict[str, Any] = call.json("GET", f"/v1/jobs/{made['id']}")
    assert finished["status"] == "succeeded", finished
    return finished

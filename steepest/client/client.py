"""`Client`: wires the resources to one connection."""

from types import TracebackType
from typing import Any, Self

import httpx

from steepest.client.checkpoints import Checkpoints
from steepest.client.datasets import Datasets
from steepest.client.endpoint import Endpoint
from steepest.client.epochs import Epochs
from steepest.client.evaluations import Evaluations
from steepest.client.events import Events
from steepest.client.jobs import Jobs
from steepest.client.predictions import Predictions
from steepest.client.retries import Retries
from steepest.client.session import Session
from steepest.client.splits import Splits
from steepest.client.weights import Weights
from steepest.spec.answers import Account, Health, Readiness


class Client:
    """A steepest service, as Python objects.

    Every method raises an exception of `steepest.spec.errors` when the service refuses, and `Unreachable` when it does
    not answer. One client may be shared by threads.

    Args:
        url: Where the service is; else `STEEPEST_URL`, else the service that runs from the local home.
        api_key: The key to show; else `STEEPEST_API_KEY`, else the local home's `key` file, which is only ever sent to
            this machine.
        transport: What carries the requests, for tests (`httpx.WSGITransport`, `httpx.MockTransport`) or a proxy.
        timeout: Seconds without a byte after which a request counts as failed.
        retries: How often, and after which pauses, a request is repeated.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
    ) -> None:
        self._session = Session(Endpoint.find(url, api_key), transport, timeout, retries or Retries())
        self.datasets = Datasets(self._session)
        self.jobs = Jobs(self._session)
        self.events = Events(self._session)
        self.epochs = Epochs(self._session)
        self.checkpoints = Checkpoints(self._session)
        self.splits = Splits(self._session)
        self.weights = Weights(self._session)
        self.evaluations = Evaluations(self._session)
        self.predictions = Predictions(self._session)

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._session.url

    def account(self) -> Account:
        """Whose key this is, and the limits that hold for it."""
        return self._session.get("/v1/me", Account)

    def health(self) -> Health:
        """That the API process is alive, and its version."""
        return self._session.get("/healthz", Health)

    def readiness(self) -> Readiness:
        """Whether database, broker and a worker answer, part by part.

        Raises:
            Unavailable: one of them does not; the detail says which.
        """
        return self._session.get("/readyz", Readiness)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: what is connected is the service, and copies of what holds a client share it."""
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Where the service is. The key stays here: where a client arrives, it is found as for a new one."""
        return type(self), (self.url,)

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

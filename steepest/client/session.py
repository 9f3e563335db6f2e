"""One connection to one service: every request of the client goes through here, repeated where that is safe."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from steepest.client.endpoint import Endpoint
from steepest.client.errors import NotUnderstood, Unreachable, refusal, unreachable
from steepest.client.retries import PASSING, Retries
from steepest.spec.answers import Page

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Params = Mapping[str, str | int | float | bool | None]
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Failures after which the service cannot have seen the request."""
ATTEMPTS_AT_A_STRANGER = 2
"""How often to knock where nobody has ever answered."""


@dataclass(frozen=True)
class Call:
    """A request that can be built again for every attempt.

    Attributes:
        body: Gives the bytes to send, from the first one, each time it is called.
        once: Whether `body` gives its bytes only once.
        safe: Whether the service may see the request twice: it changes nothing, or carries an Idempotency-Key.
        accept: Statuses beside 2xx that are answers rather than errors.
    """

    method: str
    path: str
    params: Params = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], bytes | Iterable[bytes]] | None = None
    once: bool = False
    safe: bool = True
    timeout: float | None = None
    accept: frozenset[int] = frozenset()


class Session:
    """Sends calls, repeats them, and turns answers into models or exceptions."""

    def __init__(
        self, endpoint: Endpoint, transport: httpx.BaseTransport | None, timeout: float, retries: Retries
    ) -> None:
        self.url = endpoint.url
        self.retries = retries
        self.timeout = timeout
        self._endpoint = endpoint
        self._has_answered = False
        headers = {"Accept": "application/json"}
        if endpoint.key:
            headers["Authorization"] = f"Bearer {endpoint.key}"
        self._http = httpx.Client(
            base_url=endpoint.url,
            headers=headers,
            transport=transport,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            # A proxy from the environment cannot reach this machine's own service.
            trust_env=not endpoint.is_local,
        )

    def get(self, path: str, model: type[M], params: Params | None = None) -> M:
        """Read one thing."""
        return self.read(self.send(Call("GET", path, params or {})), model)

    def pages(self, path: str, model: type[Page[T]], params: Params | None = None) -> Iterator[T]:
        """Everything in a list, a page at a time, as it is asked for."""
        asked = dict(params or {})
        while True:
            page = self.get(path, model, asked)
            yield from page.data
            if not page.has_more or page.next is None:
                return
            asked["after"] = page.next

    def post(self, path: str, model: type[M], body: Any = None, params: Params | None = None) -> M:
        """Ask for something that may be asked twice without harm."""
        return self.read(self.send(self._json("POST", path, body, params or {}, {})), model)

    def patch(self, path: str, model: type[M], body: Any) -> M:
        """Change parts of a thing to what the body says; saying it twice changes nothing more."""
        return self.read(self.send(self._json("PATCH", path, body, {}, {})), model)

    def create(self, path: str, model: type[M], body: Any) -> M:
        """Make something exactly once, however often the connection fails."""
        return self.read(self.send(self._json("POST", path, body, {}, idempotency_key())), model)

    def delete(self, path: str) -> None:
        """Remove something."""
        self.send(Call("DELETE", path, safe=False))

    def send(self, call: Call) -> httpx.Response:
        """The answer to a call, its body read.

        Raises:
            SteepestError: what the service refused, or `Unreachable`.
        """
        return self._answered(call, streamed=False)

    @contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """The answer to a call as soon as its headers are here; the caller reads the body."""
        response = self._answered(call, streamed=True)
        try:
            yield response
        finally:
            response.close()

    def read(self, response: httpx.Response, model: type[M]) -> M:
        """An answer's body as a model.

        Raises:
            NotUnderstood: it is no such thing.
        """
        try:
            # An answer that can ask on keeps the session that it was read by.
            return model.model_validate_json(response.content, context=self)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "/".join(str(segment) for segment in first["loc"])
            raise NotUnderstood(
                f"The server at {self.url} answered something that is no {model.__name__} ({place}: {first['msg']}); "
                "it is no steepest service, or of another version than this client.",
                request_id=response.headers.get("X-Request-Id"),
            ) from error

    def unreachable(self, error: httpx.TransportError) -> Unreachable:
        """A failed connection, in words."""
        return unreachable(error, self.url, local=self._endpoint.is_local)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _answered(self, call: Call, *, streamed: bool) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._once(call, streamed=streamed)
            except httpx.TransportError as error:
                pause = self._pause_without_answer(error, call, attempt)
                if pause is None:
                    raise self.unreachable(error) from error
            else:
                self._has_answered = True
                if response.is_success or response.status_code in call.accept:
                    return response
                pause = self._pause_after(response, call, attempt)
                if pause is None:
                    raise refusal(response, self.url, has_key=self._endpoint.key is not None)
            self.retries.sleep(pause)

    def _once(self, call: Call, *, streamed: bool) -> httpx.Response:
        """One attempt. The body is read, unless it is to be streamed and is no refusal."""
        request = self._http.build_request(
            call.method,
            call.path,
            params={name: value for name, value in call.params.items() if value is not None},
            headers=dict(call.headers),
            content=call.body() if call.body else None,
            timeout=self.timeout if call.timeout is None else call.timeout,
        )
        response = self._http.send(request, stream=True)
        if not (streamed and response.is_success):
            with closing(response):
                response.read()
        return response

    def _pause_without_answer(self, error: httpx.TransportError, call: Call, attempt: int) -> float | None:
        never_sent = isinstance(error, NEVER_SENT)
        # A service that has answered before is being restarted; one that never has is probably not there at all, and
        # whoever mistyped its address wants to know soon.
        if never_sent and not self._has_answered and attempt >= ATTEMPTS_AT_A_STRANGER:
            return None
        return self.retries.pause(attempt) if (call.safe or never_sent) and not call.once else None

    def _pause_after(self, response: httpx.Response, call: Call, attempt: int) -> float | None:
        retry_after = response.headers.get("Retry-After")
        # Our own first attempt may still be at work under this key: its answer is the one to wait for.
        at_work = response.status_code == 409 and retry_after and attempt > 1 and "Idempotency-Key" in call.headers
        # 429 and 503 were refused before any work; a gateway's 502 or 504 says nothing about what lies behind.
        passing = response.status_code in PASSING and (call.safe or response.status_code in (429, 503))
        return self.retries.pause(attempt, retry_after) if (passing or at_work) and not call.once else None

    def _json(self, method: str, path: str, body: Any, params: Params, headers: Mapping[str, str]) -> Call:
        if body is None:
            return Call(method, path, params, headers)
        content = to_json(body, inf_nan_mode="strings", fallback=_plain)
        return Call(method, path, params, {**headers, "Content-Type": "application/json"}, lambda: content)


def idempotency_key() -> dict[str, str]:
    """The header that makes a create safe to repeat."""
    return {"Idempotency-Key": str(uuid4())}


def _plain(value: Any) -> Any:
    """NumPy's arrays and scalars as lists and numbers, without importing NumPy."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")

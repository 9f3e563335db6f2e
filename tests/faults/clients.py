"""Clients that submit jobs and ask for changes while things go wrong, and remember what they were told."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

TERMINAL = ("succeeded", "failed", "cancelled")
PATIENCE = 150.0
"""Seconds for which a request is repeated."""
MOST_RETRIES = 25
FATES = ("nothing", "nothing", "nothing", "cancel", "pause", "delete", "twice")


class GaveUp(Exception):
    """A request got no answer in all its time."""


@dataclass
class Asked:
    """One job, as the client that asked for it knows it."""

    name: str
    shape: str
    id: str | None = None
    """None until its submission was answered."""
    cancelled: bool = False
    deleted: bool = False
    state: str = ""
    """The last that was seen."""
    failures: list[str] = field(default_factory=list)
    """Codes of the errors with which it failed, before it was retried."""


class History:
    """What all clients saw."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: Counter[int | str] = Counter()
        self.wrong: list[str] = []
        """Answers that no fault excuses."""
        self._lock = threading.Lock()

    def asks(self, name: str, shape: str) -> Asked:
        """Note, before it is sent, that a job is asked for."""
        with self._lock:
            self.asked.append(asked := Asked(name, shape))
            return asked

    def answered(self, what: int | str) -> None:
        """Count an answer by its status, or a failed connection by its kind."""
        with self._lock:
            self.answers[what] += 1

    def complain(self, what: str) -> None:
        """Note an answer that is wrong."""
        with self._lock:
            self.wrong.append(what)


class Client:
    """Sends one request until it is answered, with the same key each time."""

    def __init__(self, url: str, key: str, history: History) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=20.0, trust_env=False
        )
        self._history = history

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def ask(self, method: str, path: str, key: str | None = None, **request: Any) -> httpx.Response:
        """The answer to a request that is repeated through outages.

        Raises:
            GaveUp: there was none.
        """
        headers = {"Idempotency-Key": key} if key else {}
        headers |= request.pop("headers", {})
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = self._http.request(method, path, headers=headers, **request)
            except httpx.TransportError as error:
                self._history.answered(type(error).__name__)
            else:
                self._history.answered(answer.status_code)
                if answer.status_code == 503:
                    self._check_outage(method, path, answer)
                elif answer.status_code >= 500:
                    self._history.complain(f"{method} {path} answered {answer.status_code}: {answer.text[:200]}")
                elif not (answer.status_code == 409 and "Retry-After" in answer.headers):
                    return answer
            time.sleep(0.3)
        raise GaveUp(f"{method} {path} got no answer in {PATIENCE:g} s")

    def _check_outage(self, method: str, path: str, answer: httpx.Response) -> None:
        kind = answer.headers.get("Content-Type", "")
        if "Retry-After" not in answer.headers or not kind.startswith("application/problem+json"):
            self._history.complain(f"{method} {path} answered 503 without Retry-After or problem document")


class User(threading.Thread):
    """Asks for one job after the other until `enough`, and sees each through to its end."""

    def __init__(
        self, number: int, client: Client, specs: dict[str, dict[str, Any]], history: History, seed: int
    ) -> None:
        super().__init__(name=f"user-{number}", daemon=True)
        self.enough = threading.Event()
        self._number, self._client, self._specs, self._history = number, client, specs, history
        self._choose = random.Random(seed * 1_000 + number)

    def run(self) -> None:
        count = 0
        while not self.enough.is_set():
            count += 1
            shape = self._choose.choice(list(self._specs))
            asked = self._history.asks(f"user-{self._number}-{count}", shape)
            try:
                self._see_through(asked, self._choose.choice(FATES))
            except GaveUp as error:
                self._history.complain(f"{asked.name} ({asked.id}): {error}")
            except Exception as error:  # an answer that has not the form of one
                self._history.complain(f"{asked.name} ({asked.id}): {error!r}")
            self.enough.wait(self._choose.uniform(0.0, 0.5))

    def _see_through(self, asked: Asked, fate: str) -> None:
        self._submit(asked)
        if fate == "twice":
            first = asked.id
            self._submit(asked)
            if asked.id != first:
                self._history.complain(f"{asked.name} was created twice under one key: {first} and {asked.id}")
        path, due = f"/v1/jobs/{asked.id}", time.monotonic() + self._choose.uniform(0.0, 4.0)
        while True:
            answer = self._client.ask("GET", path)
            if answer.status_code != 200:
                self._history.complain(f"{asked.name} ({asked.id}): GET answered {answer.status_code}")
                return
            job = answer.json()
            asked.state = job["status"]
            if asked.state == "failed" and not asked.cancelled and len(asked.failures) < MOST_RETRIES:
                asked.failures.append(job["error"]["code"])
                self._client.ask("POST", f"{path}/retry")
            elif asked.state in TERMINAL:
                break
            elif asked.state == "paused":
                self._client.ask("POST", f"{path}/resume")
            elif fate in ("cancel", "pause") and time.monotonic() > due:
                done = self._client.ask("POST", f"{path}/{fate}").status_code < 300
                asked.cancelled |= done and fate == "cancel"
                fate = "nothing"
            time.sleep(0.25)
        if fate == "delete" and self._client.ask("DELETE", path).status_code in (204, 404):
            asked.deleted = True

    def _submit(self, asked: Asked) -> None:
        spec = self._specs[asked.shape] | {"name": asked.name}
        answer = self._client.ask("POST", "/v1/jobs", asked.name, json=spec)
        if answer.status_code != 201:
            self._history.complain(f"{asked.name}: POST answered {answer.status_code}: {answer.text[:300]}")
            raise GaveUp("it was refused")
        asked.id = answer.json()["id"]

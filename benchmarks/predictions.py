"""What predictions over HTTP cost: of one row beside an empty request, and of as many rows as one request may have."""

import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import ipc
from rich.console import Console

from benchmarks import report
from benchmarks.overhead import service
from benchmarks.process import CHECKOUT, environment
from benchmarks.rounds import Options
from steepest.client import Client

DIGITS: Final = CHECKOUT / "examples" / "digits.csv"
IRIS: Final = CHECKOUT / "examples" / "iris.csv"
REQUESTS: Final = 200
"""Of each kind in a round; the kinds take turns."""
ROWS: Final = 10_000
ARROW: Final = "application/vnd.apache.arrow.stream"
GOAL: Final = 3.0
"""A prediction of one row costs at most so many empty requests."""

Body = tuple[bytes, dict[str, str]]


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """In a process of its own, as a client of an embedded service."""
    with console.status("a service and its predictions"):
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.predictions", str(options.rounds)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=environment(options.threads),
            cwd=CHECKOUT,
        )
    figures: dict[str, dict[str, list[float]]] = json.loads(ran.stdout)
    small = figures["one row"]
    empty = median(small["GET /healthz"])
    table = report.columns("A request, medians of rounds", "", "ms", "min", "max", "of an empty request's time")
    for title, seconds in small.items():
        middle = median(seconds)
        cells = (report.milliseconds(value) for value in (middle, min(seconds), max(seconds)))
        table.add_row(title, *cells, f"{middle / empty:.2f}x")
    console.print(table)
    console.print(f"Goal: a row at most {GOAL:g}x GET /healthz")
    table = report.columns(f"{ROWS:,} rows of 64 columns in a request", "", "s", "min", "max", "rows/s")
    for title, seconds in figures["many rows"].items():
        middle = median(seconds)
        table.add_row(
            title, *(f"{value:.3f}" for value in (middle, min(seconds), max(seconds))), f"{ROWS / middle:,.0f}"
        )
    console.print(table)
    return figures


def measured(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds by kind of request: the median of each round for small ones, each one for large ones."""
    with tempfile.TemporaryDirectory() as folder, service(Path(folder)) as url:
        key = (Path(folder) / "key").read_text().strip()
        with Client(url, key) as client:
            iris, digits = (_job(client, file) for file in (IRIS, DIGITS))
        caller = Caller(url, key)
        row = {"rows": [{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}]}
        kinds: dict[str, Callable[[], object]] = {
            "GET /healthz": lambda: caller("GET", "/healthz"),
            "GET /v1/me, with a key": lambda: caller("GET", "/v1/me"),
            "a row of 4 columns": _poster(caller, iris, as_json(row)),
            "a row of 64 columns": _poster(
                caller, digits, as_json({"rows": [[float(index % 17) for index in range(64)]]})
            ),
        }
        small: dict[str, list[float]] = {title: [] for title in kinds}
        for number in range(rounds + 1):
            for title, seconds in _round(kinds).items():
                if number:
                    small[title].append(seconds)
        many = {title: _poster(caller, digits, body) for title, body in _bodies().items()}
        large: dict[str, list[float]] = {title: [] for title in many}
        for number in range(rounds + 1):
            for title, ask in many.items():
                start = perf_counter()
                ask()
                if number:
                    large[title].append(perf_counter() - start)
    return {"one row": small, "many rows": large}


class Caller:
    """One connection that stays open, with as little of a client around it as can be."""

    def __init__(self, url: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._headers = {"Authorization": f"Bearer {key}"}

    def __call__(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        """The answer's body.

        Raises:
            RuntimeError: it is a refusal.
        """
        self._connection.request(method, path, body, {**self._headers, **(headers or {})})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500].decode(errors='replace')}")
        return content


def as_json(body: Any) -> Body:
    """A JSON body and its headers."""
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


def _round(kinds: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median of each kind; they take turns, so that what slows the machine slows all of them."""
    seconds: dict[str, list[float]] = {title: [] for title in kinds}
    for _ in range(REQUESTS):
        for title, ask in kinds.items():
            start = perf_counter()
            ask()
            seconds[title].append(perf_counter() - start)
    return {title: median(each) for title, each in seconds.items()}


def _poster(caller: Caller, job: str, body: Body) -> Callable[[], object]:
    content, headers = body
    return lambda: caller("POST", f"/v1/jobs/{job}/predictions", content, headers)


def _bodies() -> dict[str, Body]:
    """The digits again and again, in every form that a request may have."""
    header, *lines = DIGITS.read_text().splitlines()
    names = header.split(",")[:-1]
    cells = [line.split(",")[:-1] for line in lines]
    rows = [cells[number % len(cells)] for number in range(ROWS)]
    table = pa.table({name: pa.array([float(row[index]) for row in rows]) for index, name in enumerate(names)})
    sink = BytesIO()
    with ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    csv = "\n".join([",".join(names), *(",".join(row) for row in rows), ""]).encode()
    return {
        "JSON in, JSON out": as_json({"rows": [[float(cell) for cell in row] for row in rows]}),
        "CSV in, CSV out": (csv, {"Content-Type": "text/csv", "Accept": "text/csv"}),
        "Arrow in, Arrow out": (sink.getvalue(), {"Content-Type": ARROW, "Accept": ARROW}),
    }


def _job(client: Client, file: Path) -> str:
    """A job on a table whose last column is its target."""
    dataset = client.datasets.wait(client.datasets.upload(file))
    target = (dataset.columns or [])[-1].name
    job = client.jobs.wait(client.jobs.create(dataset=dataset, target=target, epochs=5))
    if job.status != "succeeded":
        raise RuntimeError(f"the job {job.status}: {job.error.detail if job.error else ''}")
    return job.id


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))

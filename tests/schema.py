"""Hold a live API against its own description with schemathesis: `python -m tests.schema`.

The stack is one of its own, or the one that STEEPEST_URL and STEEPEST_API_KEY name, to which it adds and from which
it deletes. A data set and a trained job are made first, so that most requests meet something that is there. Further
arguments go to schemathesis.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from steepest.client import Client
from tests.integration.embedded.processes import Up

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
)
SEED: Final = 1
EXAMPLES: Final = 20
"""Drawn for each operation, beside those that go through every bound of the schemas."""

DIGITS: Final = Path(__file__).resolve().parents[1] / "examples" / "digits.csv"
CONFIG: Final = """\
[dictionaries]
datasets = {{ values = ["{dataset}"] }}
jobs = {{ values = ["{job}"] }}
targets = {{ values = ["{target}", "{feature}"] }}
evaluations = {{ values = ["held_out", "{evaluation}"] }}
predictions = {{ values = ["{prediction}"] }}
unwanted_datasets = {{ values = ["{unwanted_dataset}"] }}
unwanted_jobs = {{ values = ["{unwanted_job}"] }}

[parameters]
"path.dataset_id" = {{ dictionary = "datasets", probability = 0.7 }}
"path.job_id" = {{ dictionary = "jobs", probability = 0.7 }}
"path.evaluation_id" = {{ dictionary = "evaluations", probability = 0.7 }}
"path.prediction_id" = {{ dictionary = "predictions", probability = 0.7 }}
"body.dataset" = {{ dictionary = "datasets", probability = 0.7 }}
"body.target" = {{ dictionary = "targets", probability = 0.7 }}

[[operations]]
include-operation-id = "deleteDataset"
parameters = {{ "path.dataset_id" = {{ dictionary = "unwanted_datasets", probability = 0.7 }} }}

[[operations]]
include-operation-id = "deleteJob"
parameters = {{ "path.job_id" = {{ dictionary = "unwanted_jobs", probability = 0.7 }} }}
"""


def main(arguments: list[str]) -> int:
    """Let schemathesis at the API, and answer with its exit code."""
    with tempfile.TemporaryDirectory(prefix="steepest-schema-") as name:
        folder = Path(name)
        with _service(folder) as (url, key):
            (folder / "schemathesis.toml").write_text(_config(url, key))
            command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"]
            command += ["--header", f"Authorization: Bearer {key}", "--checks", ",".join(CHECKS)]
            command += ["--seed", str(SEED), "--max-examples", str(EXAMPLES), "--warnings", "off"]
            # Few of the texts that come to it are no form with a file: it says so of uploads, and tries others.
            command += ["--suppress-health-check", "filter_too_much", *arguments]
            return subprocess.run(command, cwd=folder).returncode


@contextmanager
def _service(folder: Path) -> Iterator[tuple[str, str]]:
    """The address and a key of the API."""
    if url := os.environ.get("STEEPEST_URL"):
        yield url, os.environ["STEEPEST_API_KEY"]
        return
    up = Up(folder / "home")
    try:
        up.ready()
        yield up.url, up.key
    finally:
        up.stop()


def _config(url: str, key: str) -> str:
    """Schemathesis' settings, with the ids of a data set that is ready and of a job that is over."""
    with Client(url, key) as client:
        dataset, unwanted = (client.datasets.wait(client.datasets.upload(DIGITS)) for _ in range(2))
        *features, target = (column.name for column in dataset.columns or [])
        jobs = [client.jobs.wait(client.jobs.create(dataset=dataset, target=target, epochs=3)) for _ in range(2)]
        assert [job.status for job in jobs] == ["succeeded"] * 2, jobs
        evaluation = client.evaluations.wait(client.evaluations.create(jobs[0], dataset))
        prediction = client.predictions.wait(client.predictions.create_for_dataset(jobs[0], dataset))
        assert (evaluation.status, prediction.status) == ("succeeded", "succeeded")
    return CONFIG.format(
        dataset=dataset.id,
        unwanted_dataset=unwanted.id,
        job=jobs[0].id,
        evaluation=evaluation.id,
        prediction=prediction.id,
        unwanted_job=jobs[1].id,
        target=target,
        feature=features[-1],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How good a job's network is, on the rows that were held out and on other data sets."""

from collections.abc import Iterator
from typing import Any

from steepest.client.references import id_of
from steepest.client.session import Session
from steepest.client.waiting import wait
from steepest.spec.answers import Dataset, Evaluation, Job, ListedEvaluation, Page
from steepest.spec.names import HELD_OUT


class Evaluations:
    """`/v1/jobs/{id}/evaluations`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def held_out(self, job: Job | str) -> Evaluation:
        """The figures of the job's own test rows, which come with the job.

        Raises:
            Conflict: the job has not ended yet.
            NotFound: it has not succeeded, or had no test rows.
        """
        return self.get(job, HELD_OUT)

    def create(
        self,
        job: Job | str,
        dataset: Dataset | str | None = None,
        *,
        permutation_importance: int | None = None,
        seed: int = 0,
    ) -> Evaluation:
        """Ask for an evaluation; `wait` for its figures.

        Args:
            job: A job that has weights.
            dataset: With the job's columns, its target among them; None for the job's own test rows.
            permutation_importance: Also say how much each column matters, by this many shuffles of it.
            seed: Of the shuffles.

        Raises:
            Conflict: the job has no weights yet, or the data set is not ready.
            ValidationFailed: the data set lacks a column.
        """
        body: dict[str, Any] = {"dataset": None if dataset is None else id_of(dataset)}
        if permutation_importance is not None:
            body["permutation_importance"] = {"repeats": permutation_importance, "seed": seed}
        return self._session.create(f"/v1/jobs/{id_of(job)}/evaluations", Evaluation, body)

    def get(self, job: Job | str, evaluation: str) -> Evaluation:
        """An evaluation as it is now, by its id."""
        return self._session.get(f"/v1/jobs/{id_of(job)}/evaluations/{id_of(evaluation)}", Evaluation)

    def list(self, job: Job | str) -> Iterator[ListedEvaluation]:
        """All evaluations of a job, newest first, without their results: `get` has one's."""
        return self._session.pages(f"/v1/jobs/{id_of(job)}/evaluations", Page[ListedEvaluation])

    def delete(self, job: Job | str, evaluation: str) -> None:
        """Delete an evaluation that was asked for, by its id; that of the held-out rows goes with the job alone.

        Raises:
            Conflict: it is that of the held-out rows.
        """
        self._session.delete(f"/v1/jobs/{id_of(job)}/evaluations/{id_of(evaluation)}")

    def wait(self, evaluation: Evaluation, *, timeout: float | None = None) -> Evaluation:
        """Wait until an evaluation has succeeded or failed, and return it.

        Raises:
            TimeoutError: `timeout` seconds have passed; the service goes on.
        """
        path = f"/v1/jobs/{id_of(evaluation.job)}/evaluations/{id_of(evaluation.id)}"
        return wait(self._session, path, Evaluation, lambda found: found.is_terminal, timeout)

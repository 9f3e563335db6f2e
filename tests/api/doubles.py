"""A queue that only remembers, and may be broken."""

from steepest.spec.errors import Unavailable
from store.queue import Queue


class RecordingQueue(Queue):
    """What was announced, in order."""

    def __init__(self) -> None:
        self.announced: list[str] = []
        self.away = False

    def announce_job(self, job_id: str, device: str = "cpu") -> None:
        """Remember the job."""
        self.announced.append(job_id)

    def announce_dataset(self, dataset_id: str) -> None:
        """Remember the data set."""
        self.announced.append(dataset_id)

    def announce_computation(self, computation_id: str) -> None:
        """Remember the computation."""
        self.announced.append(computation_id)

    def ping(self) -> None:
        """Answer, or not."""
        if self.away:
            raise Unavailable("The broker does not answer; the same request may succeed in a moment.")

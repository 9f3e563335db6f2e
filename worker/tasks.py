"""The tasks: short, by name, and with an id as their only argument. What they do is decided by the row."""

import worker.computations
import worker.ingest
import worker.runner
from worker.app import app
from worker.process import this_process


@app.task(name="steepest.train")
def train(job_id: str) -> None:
    """Make the next attempt at a job, if it waits for one."""
    worker.runner.run(this_process(), job_id)


@app.task(name="steepest.ingest")
def ingest_dataset(dataset_id: str) -> None:
    """Read an uploaded data set, if it has not been read yet."""
    worker.ingest.run(this_process(), dataset_id)


@app.task(name="steepest.compute")
def compute(computation_id: str) -> None:
    """Work out a long computation about a job, if it waits for one who does."""
    worker.computations.run(this_process(), computation_id)

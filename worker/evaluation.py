"""How good a job's network is on a data set, or on the job's own test rows."""

from steepest.data.target import rows_with
from steepest.inspect.evaluation import evaluate, importance
from steepest.spec.answers import EvaluationRequest
from steepest.spec.errors import DataUnusable
from store import jobs
from worker.computing import Outcome, Task
from worker.loading import model_of, table_of, test_rows_of


def evaluation(task: Task) -> Outcome:
    """Evaluate, with what else was asked for.

    Raises:
        NotFound: the job or the data set has been deleted meanwhile.
        DataUnusable: the data set lacks a column, or none of its rows can be evaluated.
    """
    here, row, watch = task.here, task.computation, task.watch
    asked = EvaluationRequest.model_validate(row.parameters)
    model = model_of(here, row.account_id, row.job_id)
    names = model.target.names
    with here.database.read() as session:
        job = jobs.get(session, row.account_id, row.job_id)
    held_out = None
    if asked.dataset is None:
        held_out = test_rows_of(here, job, watch)
    with table_of(here, row.account_id, row.dataset_id or job.dataset_id, watch) as table:
        if missing := [name for name in names if name not in table.index]:
            raise DataUnusable(f'the data set has no column "{missing[0]}", a target of the network')
        rows = rows_with(table, names) if held_out is None else held_out
        left_out = table.rows - len(rows) if held_out is None else 0
        result = evaluate(model, table, rows, left_out_rows=left_out, watch=watch)
        if (wanted := asked.permutation_importance) is not None:
            found = importance(model, table, rows, wanted.repeats, wanted.seed, watch=watch)
            result = result.model_copy(update={"permutation_importance": found})
    return Outcome(result)

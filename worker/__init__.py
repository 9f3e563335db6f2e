"""The Celery app, its short tasks, and the runner that drives the trainer.

`celery -A worker worker -Q cpu -c 2` finds the app here.
"""

import os
from typing import Any

# A BLAS library reads these once, when NumPy is first imported. One thread here: a job's count follows from its shape
# and is set when it starts, and a pool of threads made before the fork would only have to be torn down after it.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_variable, "1")


def __getattr__(name: str) -> Any:
    """`celery`: the app, by the name under which the `celery` command looks for it."""
    if name == "celery":
        from worker.app import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

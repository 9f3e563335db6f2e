"""The weights of another job that an attempt begins with."""

import numpy as np

from steepest.export import safetensors
from steepest.spec.errors import WarmStartUnfit
from steepest.trainer.network import Network
from steepest.trainer.start import Start, difference
from store import blobs, checkpoints
from store.database import Database
from store.fence import Claim


def warm_start(database: Database, claim: Claim, network: Network) -> Start | None:
    """Where a job begins that is to start from another's weights, which are its initial checkpoint; None for others.

    Args:
        database: Where they are stored.
        claim: Whose attempt it is.
        network: What is to be trained.

    Raises:
        WarmStartUnfit: they are those of another shape, or have been removed since.
        BlobDamaged: they are not those that were stored.
    """
    spec = claim.job.resolved_spec
    if spec.warm_start is None:
        return None
    with database.read() as session:
        found = checkpoints.weights(session, claim.account_id, claim.job_id, "initial")
        if found is None:
            raise WarmStartUnfit("The weights that warm_start names are no longer kept. Submit the job without them.")
        blob = blobs.get(session, claim.account_id, found.blob_id)
    model = safetensors.load(blobs.read_all(database, blob))
    if (why := difference(network, model.network)) is not None:
        raise WarmStartUnfit(
            f"The job cannot start from {spec.warm_start.checkpoint} of {spec.warm_start.job}: {why}. "
            "Give the layers the same units, and the features that make as many inputs."
        )
    return Start(model.theta.astype(np.dtype(spec.precision), copy=False))

"""The section about what computed it."""

from service.card.page import Facts, Mono, Prose, Section
from service.card.subject import Subject


def environment(about: Subject) -> Section:
    """Versions, BLAS and device: what must be equal for equal bits."""
    found, lineage = about.job.environment, about.job.lineage
    rows: list[tuple[str, str]] = []
    if found is not None:
        rows += [("steepest", found.steepest), ("Python", found.python), ("NumPy", found.numpy)]
        rows += [(name, value) for name, value in (("numba", found.numba), ("SciPy", found.scipy)) if value is not None]
        rows += [("BLAS", found.blas), ("Device", found.device)]
        rows += [("Engine", found.engine), ("Threads", str(found.threads))]
    if lineage is not None:
        rows.append(("SHA-256 of the spec", Mono(lineage.spec_sha256)))
        if lineage.code_sha256 is not None:
            rows.append(("of the code", Mono(lineage.code_sha256)))
    exact = (
        "The same data, spec and code in an equal environment give the same weights, bit for bit; elsewhere they agree "
        "to rounding, which training may amplify."
    )
    return Section("Environment", [Facts(rows), Prose(exact)] if rows else [Prose("It was not recorded.")])

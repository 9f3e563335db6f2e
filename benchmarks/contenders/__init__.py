"""Who is measured: a program each, which is started in its environment and asked to train."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Entry:
    """A contender as the measuring side knows it."""

    name: str
    """In commands and JSON."""
    title: str
    family: str
    """The program in this folder, and what `--peers` may call it by."""
    variant: str = ""
    threads: int | None = None
    """Where it is not the run's number."""
    ours: bool = False
    """Runs in the project's own environment."""

    @property
    def peer(self) -> bool:
        """Whether it is somebody else's trainer."""
        return not self.ours


ENTRIES: Final = {
    entry.name: entry
    for entry in (
        Entry("steepest", "steepest", "steepest", "auto", ours=True),
        Entry("numpy", "steepest, plain NumPy", "steepest", "numpy", ours=True),
        Entry("jax", "JAX", "jax"),
        Entry("jax-1", "JAX, one thread", "jax", threads=1),
        Entry("sklearn", "scikit-learn", "sklearn"),
        Entry("torch", "PyTorch", "torch", "eager"),
        Entry("torch-1", "PyTorch, one thread", "torch", "eager", threads=1),
        Entry("compile", "torch.compile", "torch", "compile"),
        Entry("compile-1", "torch.compile, one thread", "torch", "compile", threads=1),
        Entry("keras", "Keras on JAX", "keras"),
        Entry("floor", "bare products", "floor", ours=True),
        Entry("gpu-floor", "bare products", "gpu_floor", ours=True),
    )
}
PEERS: Final = tuple(entry.name for entry in ENTRIES.values() if entry.peer)
OURS: Final = ("steepest", "numpy")
FLOOR: Final = "floor"
GPU_FLOOR: Final = "gpu-floor"
FLOORS: Final = (FLOOR, GPU_FLOOR)

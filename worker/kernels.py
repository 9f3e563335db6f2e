"""The trainer's kernels as every process of every worker has them: loaded from where they are kept, never fresh.

Compiled code that is called in the process that compiled it may contract a product and a sum elsewhere than the same
code does once it is loaded, so its results differ in the last bits. Who compiled therefore begins anew.
"""

import os
import sys
from typing import Final

import structlog

import steepest
from steepest.trainer.engines.choice import kernels

log = structlog.get_logger(__name__)

_BEGUN_ANEW: Final = "STEEPEST_KERNELS_COMPILED"
"""Set in the environment of a process that has begun anew, which it does once: the disk may be full."""


def load() -> None:
    """Load the kernels; if they had to be compiled, run this process's command again in its place, which loads them."""
    steepest.warm_up()
    loaded = kernels()
    if loaded is None or not loaded.compiled_here() or _BEGUN_ANEW in os.environ:
        return
    log.info("kernels_compiled")
    os.environ[_BEGUN_ANEW] = "1"
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  this process's own command

"""A column of numbers while it is read."""

import numpy as np
from numpy.typing import NDArray

from steepest.data.built import Faults, Site
from steepest.data.hashing import Hashes, number_hashes
from steepest.data.spool import Spool
from steepest.data.tally import NumberTally
from steepest.spec.labels import number_label

_LARGEST_EXACT = 2.0**53


class Numbers:
    """Statistics and file of numbers, NaN where a value is missing."""

    def __init__(self, site: Site) -> None:
        self.spool = Spool(site.path, np.float64)
        self.tally = NumberTally(site.room)
        self.infinite = Faults(site)
        self._site = site
        self._rows = 0

    def add(self, numbers: NDArray[np.float64]) -> Hashes:
        """Take in the next (k,) numbers; their hashes come back."""
        self.spool.append(numbers)
        hashes = number_hashes(numbers)
        finite = np.isfinite(numbers)
        if finite.all():
            self.tally.add(numbers, hashes=hashes)
        else:
            self.tally.add(numbers[finite], hashes=hashes[finite])
            for index in np.flatnonzero(np.isinf(numbers))[: self._site.most_faults].tolist():
                self.infinite.note(self._rows + index, f"{number_label(float(numbers[index]))} is not finite")
        self._rows += len(numbers)
        return hashes

    @property
    def warnings(self) -> list[str]:
        """What a person should know of the numbers."""
        tally = self.tally
        if not tally.count:
            return [f'column "{self._site.name}" has no values']
        if tally.whole and max(tally.max, -tally.min) >= _LARGEST_EXACT:
            return [f'column "{self._site.name}" has whole numbers from 2^53 on, which are rounded']
        return []

"""Ask a URL whether all is well: `python deploy/healthy.py URL`. An error status ends with exit code 1."""

import sys
from urllib.request import urlopen

urlopen(sys.argv[1], timeout=4).close()  # noqa: S310  the operator's own address

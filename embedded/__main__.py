"""`python -m embedded up | demo | backup FILE | restore FILE`."""

import os
import sys
from pathlib import Path

from embedded.refusal import Refused
from steepest.spec.errors import SteepestError
from store.settings import Settings


def main(arguments: list[str]) -> int:
    """Run the command. What stands in its way is said in one clear line, with exit code 1."""
    try:
        match arguments:
            case ["up"]:
                from embedded.up import up

                up()
            case ["demo"]:
                from embedded.demo import demo

                demo()
            case ["backup", path]:
                from embedded.backup import backup

                written = backup(Settings.from_environment(os.environ), Path(path))
                print(f"Wrote {path}, {written:,} bytes.")
            case ["restore", path]:
                from embedded.backup import restore

                replaced = restore(Settings.from_environment(os.environ), Path(path))
                print(f"Restored {path}." + (f" What was there is now {replaced}." if replaced else ""))
            case _:
                print("usage: python -m embedded up | demo | backup FILE | restore FILE", file=sys.stderr)
                return 2
    except (Refused, SteepestError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m embedded up | demo`."""

import sys

from embedded.refusal import Refused
from steepest.spec.errors import SteepestError


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
            case _:
                print("usage: python -m embedded up | demo", file=sys.stderr)
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

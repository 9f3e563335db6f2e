"""`python -m embedded up | demo`."""

import sys

from embedded.demo import demo
from embedded.refusal import Refused
from embedded.up import up
from steepest.spec.errors import SteepestError

COMMANDS = {"up": up, "demo": demo}


def main() -> int:
    """Run the command. What stands in its way is said in one clear line, with exit code 1."""
    command = COMMANDS.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if command is None:
        print(f"usage: python -m embedded {' | '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        command()
    except (Refused, SteepestError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Hold the live API against its own description: schemathesis on a stack of its own, `python -m tests.schema`.

Further arguments go to schemathesis.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.integration.embedded.processes import Up

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main(arguments: list[str]) -> int:
    """Start a stack, let schemathesis at it, and answer with its exit code."""
    with tempfile.TemporaryDirectory(prefix="steepest-schema-") as folder:
        up = Up(Path(folder) / "home")
        try:
            up.ready()
            command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{up.url}/openapi.json"]
            command += ["--header", f"Authorization: Bearer {up.key}", "--checks", CHECKS, "--seed", "1"]
            return subprocess.run([*command, "--max-examples", "40", *arguments], cwd=folder).returncode
        finally:
            up.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

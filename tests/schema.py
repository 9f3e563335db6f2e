"""Hold the live API against its own description: schemathesis on a stack of its own, `python -m tests.schema`.

Once with ids that it makes up, which mostly name nothing, and once with those of a real data set and a trained job, so
that the answers of success are checked as well. Further arguments go to schemathesis.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from steepest.client import Client
from tests.integration.embedded.processes import Up

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
TABLE = "x,y,kind\n" + "".join(f"{row / 50},{row % 7},{'high' if row >= 100 else 'low'}\n" for row in range(200))


def main(arguments: list[str]) -> int:
    """Start a stack, let schemathesis at it, and answer with its exit code."""
    with tempfile.TemporaryDirectory(prefix="steepest-schema-") as name:
        folder = Path(name)
        up = Up(folder / "home")
        try:
            up.ready()
            real = folder / "real.toml"
            real.write_text(_parameters(up, folder / "table.csv"))
            run = [str(Path(sys.executable).with_name("schemathesis")), "--config-file"]
            how = ["run", f"{up.url}/openapi.json", "--header", f"Authorization: Bearer {up.key}", "--checks", CHECKS]
            how += ["--seed", "1", "--warnings", "off", *arguments]
            kept = ["--phases", "fuzzing", "--exclude-method", "DELETE"]
            made_up = folder / "made_up.toml"
            made_up.touch()
            return max(
                subprocess.run([*run, str(made_up), *how, "--max-examples", "30"], cwd=folder).returncode,
                subprocess.run([*run, str(real), *how, "--max-examples", "20", *kept], cwd=folder).returncode,
            )
        finally:
            up.stop()


def _parameters(up: Up, table: Path) -> str:
    """A configuration that names a data set and a job which has everything that a job can have."""
    table.write_text(TABLE)
    with Client(up.url, up.key) as client:
        dataset = client.datasets.wait(client.datasets.upload(table))
        job = client.jobs.wait(client.jobs.create(dataset=dataset, target="kind", epochs=5))
        if job.status != "succeeded":
            raise SystemExit(f"the job that was to be looked at {job.status}: {job.error}")
    return f'[parameters]\ndataset_id = "{dataset.id}"\njob_id = "{job.id}"\n'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The section with the commands that train it again."""

import json
import shlex
from typing import Final

from service.card.page import Block, Code, Prose, Section
from service.card.subject import Subject
from store.lineage import DECIDES_NOTHING

API: Final = 'api() { curl -sS --fail-with-body -H "Authorization: Bearer $STEEPEST_API_KEY" "$@"; }'

ID: Final = 'import json, sys; print(json.load(sys.stdin)["id"])'


def reproduce(about: Subject, url: str) -> Section:
    """How to train it again, by curl and by the command.

    Args:
        about: The job.
        url: Where the service is.
    """
    spec = about.job.resolved_spec.model_dump(mode="json", exclude=set(DECIDES_NOTHING))
    again = json.dumps({"dataset": about.job.dataset, **spec}, indent=2, ensure_ascii=False)
    blocks: list[Block] = [
        Prose("The spec names every default, so that it means the same to another release. It goes into a file:"),
        Code("sh", f"cat > job.json <<'JSON'\n{again}\nJSON"),
    ]
    if about.dataset is None:
        blocks.append(Prose("The data set has been deleted here. Another file will do if it has the same bytes:"))
        blocks.append(Code("sh", "\n".join(_check(about))))
    else:
        blocks.append(Prose("The data, for as long as this service has them:"))
        blocks.append(Code("sh", "\n".join([*_connect(url), *_fetch(about), *_check(about)])))
        blocks.append(Prose('On this service, by curl. With "reuse": true in the file the answer is this very job:'))
        submit = 'api "$STEEPEST_URL/v1/jobs" -H "Content-Type: application/json" --data-binary @job.json'
        blocks.append(Code("sh", submit))
    if about.reread:
        blocks.append(Prose("These commands read the file as it is read now, not as it was read for this job."))
    blocks.append(Prose("On any service, by the command:"))
    blocks.append(Code("sh", "\n".join(_train(about))))
    return Section("Train it again", blocks)


def _connect(url: str) -> list[str]:
    return [f"export STEEPEST_URL={shlex.quote(url)} STEEPEST_API_KEY=...", API]


def _files(about: Subject) -> dict[str | None, str]:
    """The files that were uploaded, by the part that each was; one that came alone was none."""
    if about.dataset is None:
        return {None: "data.csv"}
    form, options = about.dataset.format, about.dataset.options
    packed = {"gzip": ".gz", "zstd": ".zst"}.get((options and options.compression) or "", "")
    name = "zip" if form == "images" else f"{form}{packed}"
    return {part: f"{part}.{form}" for part in (options and options.parts) or ()} or {None: f"data.{name}"}


def _fetch(about: Subject) -> list[str]:
    content = f"$STEEPEST_URL/v1/datasets/{about.job.dataset}/content"
    return [f'api "{content}{f"?part={part}" if part else ""}" -o {file}' for part, file in _files(about).items()]


def _check(about: Subject) -> list[str]:
    """The hash is of all bytes that were uploaded, one file behind the other."""
    lineage = about.job.lineage
    sha256 = lineage.dataset_sha256 if lineage else about.dataset.sha256 if about.dataset else None
    files = " ".join(_files(about).values())
    return [f"cat {files} | sha256sum --check <(echo '{sha256}  -')"] if sha256 else []


def _train(about: Subject) -> list[str]:
    """One command, unless there is more than one way to read the file."""
    file, *others = _files(about).values()
    reading = [*(f"--labels {other}" for other in others), *_reading(about)]
    if not reading and not about.kinds:
        return [f"steepest train {file} --spec job.json --follow"]
    upload = " ".join([f"steepest datasets upload {file}", *reading, "--json"])
    kinds = " ".join(f"--kind {shlex.quote(f'{name}={kind}')}" for name, kind in about.kinds.items())
    return [
        f"dataset=$({upload} | python3 -c '{ID}')",
        *([f'steepest datasets update "$dataset" {kinds}'] if kinds else []),
        'steepest train "$dataset" --spec job.json --follow',
    ]


def _reading(about: Subject) -> list[str]:
    """How the file was read: all of it, for what was asked for is not what another release would find out."""
    options = about.dataset.options if about.dataset else None
    if options is None:
        return []
    said = [
        ("--delimiter", "tab" if options.delimiter == "\t" else options.delimiter),
        ("--encoding", options.encoding),
        ("--image-size", options.image_size),
    ]
    flags = [] if options.header is None else ["--header" if options.header else "--no-header"]
    return [*(f"{name} {shlex.quote(value)}" for name, value in said if value), *flags]

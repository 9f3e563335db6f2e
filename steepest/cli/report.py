"""Errors as a person, or with `--json` a program, wants to read them: on stderr."""

import os
import shutil
import sys
import textwrap
import traceback

import click

from steepest.cli.output import printable
from steepest.spec.errors import JobError, Problem, SteepestError


def report(error: Exception, *, as_json: bool) -> None:
    """Say what went wrong and what to do about it."""
    if isinstance(error, SteepestError) and as_json:
        click.echo(error.problem().model_dump_json(exclude_none=True), err=True)
        return
    if os.environ.get("STEEPEST_DEBUG"):
        traceback.print_exception(error)
    _say(*_lines(error))


def explain(error: JobError, subject: str) -> None:
    """Say why a job or a data set failed."""
    _say(f"Error: {subject} failed. {error.title}: {error.detail}", *_problems(error))
    if error.retryable:
        _say("This is not your doing; the same request may succeed when it is made again.")


def _lines(error: Exception) -> list[str]:
    if isinstance(error, SteepestError):
        problem = error.problem()
        head = problem.detail if len(problem.errors) <= 1 else f"{problem.title}, in {len(problem.errors)} places:"
        lines = [f"Error: {head}", *_problems(problem)]
        if problem.status >= 500 and problem.request_id:
            lines.append(f"The server's log knows it as request {problem.request_id}.")
        return lines
    if isinstance(error, OSError) and error.strerror:
        return [f"Error: {error.filename or 'the file'}: {error.strerror}"]
    if isinstance(error, ValueError | TimeoutError):
        return [f"Error: {error}"]
    return [
        f"Error: unexpected {type(error).__name__}: {error}",
        "Please report it; STEEPEST_DEBUG=1 shows where it happened.",
    ]


def _problems(problem: Problem) -> list[str]:
    """A line for each problem; of a single one the detail has said all already."""
    if len(problem.errors) == 1:
        return []
    return [f"  {item.pointer or 'the body'}: {item.detail}" for item in problem.errors]


def _say(*lines: str) -> None:
    """Lines on stderr, broken between words where a person reads them."""
    for line in map(printable, lines):
        if sys.stderr.isatty():
            columns = shutil.get_terminal_size().columns
            line = textwrap.fill(line, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        click.echo(line, err=True)

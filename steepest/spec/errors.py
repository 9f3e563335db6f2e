"""Every error a user can meet, as one tree. A class knows its HTTP status and code; one handler answers with it.

SteepestError
├── InvalidRequest 400
├── Unauthenticated 401
├── Forbidden 403
├── NotFound 404
├── MethodNotAllowed 405
├── Conflict 409
├── PreconditionFailed 412
├── RequestTooLarge 413
├── UnsupportedMediaType 415
├── RangeNotSatisfiable 416
├── ValidationFailed 422
│   └── NotYetSupported
├── TooManyRequests 429
├── InternalError 500
└── Unavailable 503
JobFailed                  what a job's `error` holds; never an HTTP answer of its own
├── Diverged
├── DataUnusable
├── OutOfMemory
├── DiskFull
└── Poison
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Fault = Literal["user", "system"]


class FieldProblem(BaseModel):
    """One thing wrong with one place of a request body."""

    model_config = ConfigDict(frozen=True)

    pointer: str = Field(description="JSON pointer (RFC 6901) to the place in the request body; empty for the whole.")
    detail: str = Field(description="What is wrong there, and what would be right.")


class Problem(BaseModel):
    """A problem document (RFC 9457): the one shape of every error."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A URI for the kind of problem.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong this time, and what to do.")
    code: str = Field(description="The kind of problem, for programs.")
    instance: str | None = Field(default=None, description="The path of the request.")
    request_id: str | None = Field(default=None, description="Names this request in the server's log.")
    retryable: bool = Field(default=False, description="Whether the same request may succeed later.")
    errors: list[FieldProblem] = Field(default_factory=list, description="All problems of the body at once.")


class JobError(Problem):
    """Why a job or a data set failed: a problem document that says whose fault it was."""

    fault: Fault = Field(description="`user`: change the request; `system`: not your doing, retry.")


class SteepestError(Exception):
    """The root of the tree. `detail` says what went wrong and what to do about it.

    `request_id` is there when a service answered with this error: it names the request in the service's log.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(
        self, detail: str, *, problems: Sequence[FieldProblem] = (), request_id: str | None = None, **extensions: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = list(problems)
        self.request_id = request_id
        self.extensions = extensions

    def problem(self, *, instance: str | None = None, request_id: str | None = None) -> Problem:
        """This error as the document that goes over the wire."""
        return Problem(
            type=problem_type(self.code),
            title=self.title,
            status=self.status,
            detail=self.detail,
            code=self.code,
            instance=instance,
            request_id=request_id or self.request_id,
            retryable=self.retryable,
            errors=self.problems,
            **self.extensions,
        )


class InvalidRequest(SteepestError):
    """The request cannot be read: broken JSON, a malformed header, a query value of the wrong form."""

    status, code, title = 400, "invalid_request", "The request cannot be read"


class Unauthenticated(SteepestError):
    """No key, or one that is unknown or revoked."""

    status, code, title = 401, "unauthenticated", "A valid API key is needed"


class Forbidden(SteepestError):
    """The key lacks the scope that the operation needs."""

    status, code, title = 403, "missing_scope", "The key lacks a scope"


class NotFound(SteepestError):
    """There is no such thing, or it belongs to another account: the two cannot be told apart."""

    status, code, title = 404, "not_found", "Not found"


class MethodNotAllowed(SteepestError):
    """The resource exists, the method on it does not."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class Conflict(SteepestError):
    """The state of the thing does not allow this now. The detail says the state and what is possible."""

    status, code, title = 409, "conflict", "Not possible in this state"


class PreconditionFailed(SteepestError):
    """The content is no longer the one that `If-Match` names."""

    status, code, title = 412, "precondition_failed", "The content is another one"


class RequestTooLarge(SteepestError):
    """The body is over a limit, which the detail names."""

    status, code, title = 413, "too_large", "The body is over the limit"


class UnsupportedMediaType(SteepestError):
    """The Content-Type names no format that is understood."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class RangeNotSatisfiable(SteepestError):
    """The requested byte range lies outside the content."""

    status, code, title = 416, "range_not_satisfiable", "The range lies outside the content"


class ValidationFailed(SteepestError):
    """The body was read, but its content is wrong. `problems` holds every wrong place."""

    status, code, title = 422, "validation_failed", "The request has invalid content"


class NotYetSupported(ValidationFailed):
    """The field or value exists in the contract but the service's release does not have it."""

    code, title = "not_yet_supported", "Not supported by this release"


class TooManyRequests(SteepestError):
    """A rate or concurrency limit is reached."""

    status, code, title, retryable = 429, "too_many_requests", "Too many requests", True


class InternalError(SteepestError):
    """Our fault. The detail says nothing about the inside; the request id finds it in the log."""

    retryable = True


class Unavailable(SteepestError):
    """The database or broker does not answer; the same request may succeed in a moment."""

    status, code, title, retryable = 503, "unavailable", "Temporarily unavailable", True


class JobFailed(Exception):
    """A reason for which training cannot go on; it becomes the job's `error`."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "training_failed"
    title: ClassVar[str] = "Training failed"
    fault: ClassVar[Fault] = "system"
    retryable: ClassVar[bool] = True

    def __init__(self, detail: str, *, problems: Sequence[FieldProblem] = (), **extensions: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = list(problems)
        self.extensions = extensions

    def error(self) -> JobError:
        """This failure as the document that the job keeps."""
        return JobError(
            type=problem_type(self.code),
            title=self.title,
            status=self.status,
            detail=self.detail,
            code=self.code,
            fault=self.fault,
            retryable=self.retryable,
            errors=self.problems,
            **self.extensions,
        )


class Diverged(JobFailed):
    """A loss or weight became NaN or infinite. Extensions: `epoch`, `step`, `layer`."""

    status, code, title, fault, retryable = 422, "diverged", "Training diverged", "user", False


class DataUnusable(JobFailed):
    """The data cannot be read or cannot serve this job. Each problem's pointer is `/rows/<line>/<column>`."""

    status, code, title, fault, retryable = 422, "data_unusable", "The data cannot be used", "user", False


class WarmStartUnfit(JobFailed):
    """The weights to start from are those of another shape of network, or are no longer kept."""

    status, code, title, fault, retryable = 422, "warm_start_unfit", "The warm start does not fit", "user", False


class OutOfMemory(JobFailed):
    """The job needs more memory than a worker has."""

    status, code, title, fault, retryable = 422, "out_of_memory", "Not enough memory", "user", False


class DiskFull(JobFailed):
    """The worker's disk has no room for what the job needs."""

    code, title = "disk_full", "A worker's disk is full"


class Poison(JobFailed):
    """The job's worker died several times in a row without getting any further."""

    code, title, retryable = "poison", "The job ended its worker repeatedly", False


def problem_type(code: str) -> str:
    """The URI of a kind of problem."""
    return f"urn:steepest:problem:{code}"


def _tree(root: type[SteepestError]) -> Iterable[type[SteepestError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


def from_problem(problem: Problem) -> SteepestError:
    """The exception that a problem document describes: what the client raises for what the service raised."""
    # The root is what is left when no kind fits; it shares its code with InternalError.
    kinds = list(_tree(SteepestError))[1:]
    kind = next((kind for kind in kinds if kind.code == problem.code and kind.status == problem.status), None)
    kind = kind or next((kind for kind in kinds if kind.status == problem.status), SteepestError)
    return kind(
        problem.detail, problems=problem.errors, request_id=problem.request_id, **dict(problem.model_extra or {})
    )

"""What can go wrong between the client and the service, beside what the service itself refuses."""

import httpx
from pydantic import ValidationError

from steepest.client.retries import PASSING
from steepest.spec.errors import Problem, SteepestError, Unauthenticated, Unavailable, from_problem, problem_type


class Unreachable(Unavailable):
    """No answer came: nothing listens there, the connection broke, or time ran out."""

    code, title = "unreachable", "The service cannot be reached"


class NotUnderstood(SteepestError):
    """An answer came, but not one that a steepest service of this generation gives."""

    status, code, title = 502, "answer_not_understood", "The answer cannot be understood"


class DamagedDownload(SteepestError):
    """The bytes that arrived are not the bytes that the service announced."""

    status, code, title, retryable = 502, "damaged_download", "The download is damaged", True


def unreachable(error: httpx.TransportError, url: str, *, local: bool) -> Unreachable:
    """The one message for every way in which a connection fails."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        where = "Start one on this machine with `make up`, or say" if local else "Is it running? You can say"
        reason = f" ({error})" if str(error) else ""
        return Unreachable(
            f"No steepest service answers at {url}{reason}. {where} where it is with --url, url= or STEEPEST_URL."
        )
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"The service at {url} took the request but did not answer in time.")
    return Unreachable(f"The connection to the service at {url} broke ({error or type(error).__name__}).")


def refusal(response: httpx.Response, url: str, *, has_key: bool) -> SteepestError:
    """The exception for an answer that is an error. The response's body has been read."""
    request_id = response.headers.get("X-Request-Id")
    if response.status_code == 401 and not has_key:
        return Unauthenticated(
            f"The service at {url} wants an API key and none was given. Pass one with --key or api_key=, or set "
            "STEEPEST_API_KEY; a service started by `make up` keeps its key in the file `key` of its home.",
            request_id=request_id,
        )
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        problem = _unexplained(response, url)
    problem.request_id = problem.request_id or request_id
    return from_problem(problem)


def _unexplained(response: httpx.Response, url: str) -> Problem:
    """A problem document for an answer that brought none."""
    answer = f"{response.status_code} {response.reason_phrase}"
    # A gateway's 502 and 504 mean what our 503 means.
    status = 503 if response.status_code in PASSING - {429} else response.status_code
    return Problem(
        type=problem_type("unexplained"),
        title=response.reason_phrase,
        status=status,
        detail=f"The server at {url} answered {answer} without saying why; a proxy stands between, or it is no "
        "steepest service."
        # Not followed: the key would go to an address that nobody gave.
        + (f" It points to {response.headers['Location']}: is that the address?" if response.is_redirect else ""),
        code="unexplained",
    )

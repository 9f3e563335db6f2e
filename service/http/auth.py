"""Who is asking: a bearer key, looked up by its hash, and the scopes it carries."""

from typing import Final

from flask import g, request

from service.context import service
from steepest.spec.errors import Forbidden, Unauthenticated
from store import keys
from store.keys import Scope

IMPLIED_BY: Final[dict[Scope, frozenset[str]]] = {
    "read": frozenset({"read", "write", "admin"}),
    "write": frozenset({"write", "admin"}),
    "admin": frozenset({"admin"}),
}
"""The scopes that allow what a scope allows."""


def authorize(scope: Scope) -> None:
    """Let the request go on as the principal of its key.

    Raises:
        Unauthenticated: no key, or none that is known and in force.
        Forbidden: the key lacks `scope`.
    """
    secret = _bearer()
    with service().database.read() as session:
        principal = keys.authenticate(session, secret)
    if principal is None:
        raise Unauthenticated("the key is unknown or revoked")
    g.principal = principal
    if not IMPLIED_BY[scope] & set(principal.scopes):
        held = ", ".join(sorted(principal.scopes)) or "none"
        raise Forbidden(f'this operation needs the scope "{scope}"; the key has: {held}')


def principal() -> keys.Principal:
    """Who is asking; only within an operation that has a scope."""
    asking: keys.Principal = g.principal
    return asking


def _bearer() -> str:
    given = request.headers.get("Authorization", "")
    scheme, _, secret = given.partition(" ")
    if not given:
        raise Unauthenticated('send the key in a header: "Authorization: Bearer <key>"')
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthenticated('the Authorization header must read "Bearer <key>"')
    return secret.strip()

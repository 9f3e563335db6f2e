"""Who is asking, and what the limits are."""

from dataclasses import asdict

from flask import Response

from service.context import service
from service.http.auth import principal
from service.http.resource import Resource, reply
from steepest.spec.answers import Account

resource = Resource("account", __name__, tag="Account", url_prefix="/v1")


@resource.operation("GET", "/me", "getAccount", scope="read", answer=Account)
def get_account() -> Response:
    """Show the account, the key's scopes, the limits, and how long what is over is kept."""
    asking, settings = principal(), service().settings
    limits = asdict(settings.limits)
    if running := asking.max_running or settings.running_jobs:
        limits["running_jobs"] = running
    account = Account(id=asking.account_id, scopes=sorted(asking.scopes), limits=limits, keep=asdict(settings.keep))
    return reply(account)

"""The app factory: the one place where the service is wired together."""

from importlib.metadata import version
from typing import Final

from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from service import docs
from service.api import (
    account,
    cards,
    checkpoints,
    datasets,
    epochs,
    evaluations,
    events,
    health,
    jobs,
    predictions,
    splits,
    weights,
)
from service.context import KEY, Service
from service.http import openapi, problems, request_id
from service.kept import Kept
from service.watcher import Watcher
from steepest.spec.names import HELD_OUT
from store.database import Database
from store.queue import Queue
from store.settings import Settings

EXPORT_BYTES: Final = 64 << 20
MOST_KINDS: Final = 100_000

RESOURCES: Final = (
    datasets,
    jobs,
    events,
    epochs,
    checkpoints,
    splits,
    weights,
    evaluations,
    predictions,
    cards,
    account,
    health,
)


class IdConverter(BaseConverter):
    """An id in a path; anything else there names nothing, and is not worth a look into the database."""

    regex = "[a-z]{1,8}_[0-9a-f]{32}"


class EvaluationConverter(BaseConverter):
    """The id of an evaluation, or the name of the one that comes with a job."""

    regex = f"(?:{HELD_OUT}|{IdConverter.regex})"


def create_app(settings: Settings, database: Database, queue: Queue) -> APIFlask:
    """The API over `database` and `queue`; nothing is opened before the first request."""
    app = APIFlask(
        "service",
        title="steepest",
        version=version("steepest"),
        docs_path=None,
        json_errors=False,
        static_folder="web/static",
        template_folder="web/templates",
    )
    app.config.update(
        DESCRIPTION=openapi.DESCRIPTION,
        TAGS=openapi.TAGS,
        SERVERS=[{"url": settings.public_url or "/"}],
        OPENAPI_VERSION="3.1.0",
        PROPAGATE_EXCEPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    app.url_map.converters |= {"id": IdConverter, "evaluation": EvaluationConverter}
    app.url_map.merge_slashes = False
    app.extensions[KEY] = Service(
        settings=settings,
        database=database,
        queue=queue,
        watcher=Watcher(database, capacity=settings.streams),
        models=Kept(settings.model_bytes),
        kinds=Kept(MOST_KINDS),
        exports=Kept(EXPORT_BYTES),
    )
    request_id.install(app)
    problems.install(app)
    for module in RESOURCES:
        app.register_blueprint(module.resource)
    docs.install(app)
    app.spec_processor(openapi.complete)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)  # type: ignore[method-assign]  # the way Flask documents
    return app

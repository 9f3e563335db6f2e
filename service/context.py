"""What every view can reach: settings, database, queue, the long polls' watcher, and what is kept between requests."""

from dataclasses import dataclass
from typing import Final

from flask import current_app

from service.kept import Kept
from service.watcher import Watcher
from steepest.export.model import Model
from store.checkpoints import Kind
from store.database import Database
from store.queue import Queue
from store.settings import Settings

KEY: Final = "steepest"


@dataclass(frozen=True)
class Service:
    """The parts that `create_app` wires together."""

    settings: Settings
    database: Database
    queue: Queue
    watcher: Watcher
    models: Kept[Model]
    """Loaded models, by the SHA-256 of their weights."""
    kinds: Kept[Kind]
    """Which checkpoint predictions use, by account and job."""
    exports: Kept[bytes]
    """Weights in formats other than the stored one, by its SHA-256 and the format."""


def service() -> Service:
    """The parts of the app that is answering."""
    parts: Service = current_app.extensions[KEY]
    return parts

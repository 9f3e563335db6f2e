"""The typed SDK of a steepest service: one file per resource, over HTTP."""

from steepest.client.client import Client
from steepest.client.errors import DamagedDownload, NotUnderstood, Unreachable
from steepest.client.retries import Retries

__all__ = ["Client", "DamagedDownload", "NotUnderstood", "Retries", "Unreachable"]

"""gunicorn's settings: `gunicorn --config python:service.gunicorn service.wsgi:app`; production adds `--workers 2`."""

import os

from store.settings import Settings

_settings = Settings.from_environment()

bind = f"{_settings.host}:{_settings.port}"
workers = 1
worker_class = "service.gthread.Worker"
logger_class = "service.gthread.Logger"
threads = _settings.threads
worker_connections = 1_000 + threads
keepalive = 75
timeout = 60
graceful_timeout = 15
accesslog = None
"""The app logs requests, with their ids."""
forwarded_allow_ips = "*" if _settings.trusted_proxies else "127.0.0.1"
limit_request_line = 8190
proc_name = "steepest-api"
control_socket_disable = True
# Predictions are small products: threads of BLAS beside the server's own would only be in each other's way.
raw_env = [f"{name}={os.environ.get(name, '1')}" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")]

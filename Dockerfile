# One image for API, workers, reconciler and migration; docker-compose.yml says which command is which.

FROM python:3.12-slim AS build
RUN python -m venv /opt/venv
COPY requirements-server.lock .
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-server.lock
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY steepest steepest
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .
# With EXTRA=gpu the image can train on a GPU, and is some gigabytes larger.
ARG EXTRA=
RUN test -z "$EXTRA" || /opt/venv/bin/pip install --no-cache-dir --no-build-isolation ".[$EXTRA]"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/steepest steepest
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY deploy deploy
COPY migrations migrations
COPY store store
COPY service service
COPY worker worker
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STEEPEST_HOME=/var/lib/steepest \
    NUMBA_CACHE_DIR=/var/lib/steepest/kernels
USER steepest
# A new volume begins as a copy of this folder. On another kind of processor, a worker compiles them anew when it starts.
RUN python -c 'import steepest; steepest.warm_up()'
VOLUME /var/lib/steepest
EXPOSE 8000
CMD ["gunicorn", "--config", "python:service.gunicorn", "--workers", "2", "service.wsgi:app"]

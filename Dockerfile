# One image for API, workers, reconciler and migration; docker-compose.yml says which command is which.

FROM python:3.12-slim AS build
RUN python -m venv /opt/venv
COPY requirements-server.lock .
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-server.lock
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY steepest steepest
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

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
    STEEPEST_HOME=/var/lib/steepest
USER steepest
VOLUME /var/lib/steepest
EXPOSE 8000
CMD ["gunicorn", "--config", "python:service.gunicorn", "--workers", "2", "service.wsgi:app"]

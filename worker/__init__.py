"""The Celery app: short tasks, and the runner that drives the trainer."""

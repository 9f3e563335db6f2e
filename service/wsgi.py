"""What gunicorn serves: `gunicorn ... service.wsgi:app`. Imported by each of its workers, after the fork."""

from service.app import create_app
from store import logs
from store.database import Database
from store.queue import Queue
from store.settings import Settings

logs.configure()
settings = Settings.from_environment()
app = create_app(settings, Database(settings.database_url), Queue(settings.broker_url))

"""gunicorn's defaults: sync workers, WEB_CONCURRENCY of them. Only the address is said."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8001')}"
loglevel = os.environ.get("LOG_LEVEL", "info").lower()

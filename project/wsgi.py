"""The WSGI application that gunicorn serves: `gunicorn project.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_application = get_wsgi_application()

from project.bodies import WholeBodies  # noqa: E402  (DRF reads the settings at its import)

application = WholeBodies(django_application, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

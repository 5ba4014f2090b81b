"""The WSGI application that gunicorn serves: `gunicorn project.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from project.bodies import WholeBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = WholeBodies(get_wsgi_application(), limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

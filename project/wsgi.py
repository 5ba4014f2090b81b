"""The WSGI application that gunicorn serves: `gunicorn project.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from project.edge import Edge

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = Edge(get_wsgi_application(), limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

"""Django's WSGI application, and around it what middleware would do for every request."""

import os

from django.core.wsgi import get_wsgi_application

from peers.shared.wsgi_edge import Edge

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peers.django_fastdrf.settings")

application = Edge(get_wsgi_application(), "django-fastdrf")

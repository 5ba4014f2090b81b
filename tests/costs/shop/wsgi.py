"""What a server of this project loads."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.costs.shop.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

"""Django REST Framework with fastdrf under gunicorn: `python -m peers serve django-fastdrf`."""

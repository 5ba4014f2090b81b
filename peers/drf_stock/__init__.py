"""Django REST Framework as `startproject` and its tutorial leave it, under gunicorn's defaults."""

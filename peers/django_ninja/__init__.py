"""Django Ninja on Django's ORM under gunicorn's gthread; serving.py says how it is served."""

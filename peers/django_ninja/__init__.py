"""Django Ninja on Django's ORM under gunicorn's gthread."""

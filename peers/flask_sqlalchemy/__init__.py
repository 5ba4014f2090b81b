"""Flask + SQLAlchemy 2 + psycopg 3 under gunicorn's gthread."""

"""Flask + SQLAlchemy 2 + psycopg 3 under gunicorn's gthread; serving.py says how it is served."""

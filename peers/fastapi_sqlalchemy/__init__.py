"""FastAPI + SQLAlchemy 2 async + asyncpg under uvicorn: `python -m peers.fastapi_sqlalchemy`."""

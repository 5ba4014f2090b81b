"""FastAPI + SQL by hand on asyncpg under uvicorn: `python -m peers.fastapi_asyncpg`."""

# The FastAPI version of the service, pinned as in requirements-dev.txt.
#
#   docker build -f deploy/images/fastapi.Dockerfile -t items-fastapi .

FROM python:3.14-slim AS install
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements-dev.txt .
RUN grep -E '^(fastapi|uvicorn|uvloop|httptools|sqlalchemy|asyncpg)\b' requirements-dev.txt > pinned.txt \
    && /venv/bin/pip install --only-binary :all: -r pinned.txt

FROM python:3.14-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8001
COPY --from=install /venv /venv
WORKDIR /app
COPY --chmod=0644 peers/__init__.py peers/__init__.py
COPY --chmod=0755 peers/shared peers/shared
COPY --chmod=0755 peers/fastapi_common peers/fastapi_common
COPY --chmod=0755 peers/fastapi_sqlalchemy peers/fastapi_sqlalchemy
RUN python -m compileall -q /app
USER 65534:65534
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ.get('PORT') or 8001}/items?limit=1\", timeout=2)"]
CMD ["python", "-m", "peers.fastapi_sqlalchemy"]

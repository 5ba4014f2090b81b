# The load, as master or worker: arguments are Locust's own.
#
#   docker build -f deploy/images/locust.Dockerfile -t items-locust .

FROM python:3.14-slim AS install
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements-dev.txt .
RUN grep -E '^locust\b' requirements-dev.txt > pinned.txt \
    && /venv/bin/pip install --only-binary :all: -r pinned.txt

# checkov:skip=CKV_DOCKER_2:a worker listens nowhere, the master's port is probed from outside
FROM python:3.14-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
COPY --from=install /venv /venv
# Not below the folder that the program starts in: `locust/` must not hide the installed one.
COPY --chmod=0755 locust /load
WORKDIR /tmp
USER 65534:65534
EXPOSE 8089 5557
ENTRYPOINT ["locust", "--locustfile=/load/locustfile.py", "--stop-timeout=10"]
CMD []

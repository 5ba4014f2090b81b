# The service alone: no compiler, no embedded database, no tests, no load.
#
#   docker build -t items .
#   docker run --rm --env-file production.env items python manage.py migrate
#   docker run --read-only --memory 512m --cpus 1 -p 8000:8000 --env-file production.env items
#
# A tag, not a digest: a build takes the base with the security updates of that day. To build the same
# image again, write python:3.14-slim@sha256:… as `docker buildx imagetools inspect` says it.

FROM python:3.14-slim AS install
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt gunicorn.pth ./
# Wheels only: a package that wants a compiler fails here and not at the first request.
RUN /venv/bin/pip install --only-binary :all: -r requirements.txt
# What gunicorn would read before gunicorn.conf.py can say that it is wrong.
RUN cp gunicorn.pth "$(/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

FROM python:3.14-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_DEBUG=0
COPY --from=install /venv /venv
WORKDIR /app
# Readable for its user, whatever umask the checkout was made with.
COPY --chmod=0644 manage.py gunicorn.conf.py ./
COPY --chmod=0755 drf_speedups drf_speedups
COPY --chmod=0755 crud crud
COPY --chmod=0755 project project
# Compiled here, because the root file system may be read-only when it runs.
RUN python -m compileall -q /app
USER 65534:65534
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ.get('PORT') or 8000}/livez\", timeout=2)"]
# Exec form: gunicorn is process 1 and gets the SIGTERM that begins the drain.
CMD ["gunicorn", "project.wsgi"]

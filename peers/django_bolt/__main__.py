"""Start bolt's server; it takes no settings but by arguments and the environment."""

import os

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peers.django_bolt.settings")
# A thread for each database connection; handlers run in one pool, bolt's own queries in another.
os.environ.setdefault("DJANGO_BOLT_EXECUTOR_THREADS", os.environ.get("POOL_SIZE", "4"))

if __name__ == "__main__":
    address = [
        "--host",
        os.environ.get("HOST", "127.0.0.1"),
        "--port",
        os.environ.get("PORT", "8001"),
    ]
    processes = ["--processes", os.environ.get("WEB_CONCURRENCY", "1"), "--keep-alive", "75"]
    patience = ["--workers-kill-timeout", "8"]  # Cloud Run kills after 10
    execute_from_command_line(
        ["manage.py", "runbolt", "--no-admin", *address, *processes, *patience]
    )

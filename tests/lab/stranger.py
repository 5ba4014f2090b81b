"""A stranger's service for uvicorn: `uvicorn tests.lab.stranger:app`. It knows nothing of ours."""

import os

import psycopg

from tests.load.strangers import shop

app = shop(rows=100)
if url := os.environ.get("SHOP_DATABASE"):
    connection = psycopg.connect(url)  # one for each worker

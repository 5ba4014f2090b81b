"""What a Django user expects in development; `test_pages` looks at the same in a browser."""

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.test import Client

from crud.models import Item
from tests.project.production import PRODUCTION, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(monkeypatch, settings) -> Client:
    """A client that has logged in as what `createsuperuser` has made."""
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "for-this-test-only")
    call_command("createsuperuser", "--noinput", "--username=root", "--email=", verbosity=0)
    assert authenticate(username="root", password="for-this-test-only")
    settings.DEBUG = True
    client = Client(headers={"Host": "testserver"})
    assert client.login(username="root", password="for-this-test-only")
    return client


def test_the_admin_lists_finds_adds_changes_and_deletes_items(admin):
    form = {"name": "Desk", "description": "Oak", "price": "12.50", "quantity": "3"}
    assert admin.post("/admin/crud/item/add/", form).status_code == 302
    item = Item.objects.get()
    assert "Desk" in admin.get("/admin/crud/item/?q=desk").text
    assert (
        admin.post(f"/admin/crud/item/{item.pk}/change/", form | {"name": "Lamp"}).status_code
        == 302
    )
    item.refresh_from_db()
    assert item.name == "Lamp"
    assert admin.post(f"/admin/crud/item/{item.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Item.objects.exists()


def test_the_admin_names_the_rule_that_a_form_breaks(admin):
    form = {"name": "Desk", "price": "-1", "quantity": "0"}
    assert "greater than or equal to 0" in admin.post("/admin/crud/item/add/", form).text


def test_a_browser_gets_the_browsable_api_and_everybody_else_json(item, client):
    browser = client.get("/items/", HTTP_ACCEPT="text/html,application/xhtml+xml,*/*;q=0.8")
    assert browser["Content-Type"].startswith("text/html")
    assert "Desk" in browser.text
    for accept in ("*/*", "application/json"):
        assert client.get("/items/", HTTP_ACCEPT=accept)["Content-Type"] == "application/json"


def test_the_front_page_leads_to_the_documentation(client):
    assert client.get("/")["Location"].rstrip("/") == "/docs"


def test_the_migrations_are_those_of_the_models():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_production_knows_neither_the_admin_nor_html_pages_of_items():
    asked = """
import django; django.setup()
from django.conf import settings
from django.urls import Resolver404, resolve
from rest_framework.settings import api_settings
try:
    print(resolve("/admin/"))
except Resolver404:
    print("no admin", [renderer.format for renderer in api_settings.DEFAULT_RENDERER_CLASSES])
"""
    said = run("-c", asked, **PRODUCTION, DJANGO_SETTINGS_MODULE="project.settings")
    assert said.stdout == "no admin ['json']\n"


def test_the_tests_are_run_by_the_command_that_a_django_user_types():
    wanted = "tests/project/test_image.py::test_gunicorn_is_process_1_and_nobody_runs_it"
    ended = run("manage.py", "test", "--collect-only", "-q", wanted)
    assert (ended.returncode, ended.stdout.splitlines()[0]) == (0, wanted)

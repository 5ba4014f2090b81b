"""Settings that are wrong stop the start with one line; those that are right are as said."""

import os
import sys
from typing import Any

import pytest

from tests.project.production import KEY, NOWHERE, PRODUCTION, ROOT, SECRET, run

SETTINGS = ROOT / "project" / "settings.py"
OURS = (
    "DJANGO_",
    "DATABASE_",
    "API_",
    "OTEL_",
    "OVERLAP_",
    "LOG_",
    "MAX_BODY_",
    "METRICS_",
    "HSTS_",
    "CORS_",
    "PORT",
)


@pytest.fixture
def load(monkeypatch):
    """Reads the settings as a process does that sees production's environment and `changes`."""
    monkeypatch.setattr(sys, "argv", ["gunicorn"])

    def load(**changes: str | None) -> dict[str, Any]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        mine = {name: value for name, value in (PRODUCTION | changes).items() if value is not None}
        monkeypatch.setattr(os, "environ", others | mine)
        settings: dict[str, Any] = {"__file__": str(SETTINGS)}
        exec(compile(SETTINGS.read_text(), SETTINGS, "exec"), settings)
        return settings

    return load


@pytest.fixture
def refusal(load, capsys):
    """Returns the one line with which the settings refuse to be read."""

    def refusal(**changes: str | None) -> str:
        with pytest.raises(SystemExit) as ending:
            load(**changes)
        assert ending.value.code == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return str(err).strip()

    return refusal


@pytest.mark.parametrize(("name", "value", "line"), [
    ("DJANGO_SECRET_KEY", None, "DJANGO_SECRET_KEY needs at least 50 characters"),
    ("DJANGO_SECRET_KEY", "x" * 49, "DJANGO_SECRET_KEY needs at least 50 characters"),
    ("DJANGO_ALLOWED_HOSTS", None, "DJANGO_ALLOWED_HOSTS is missing: list"),
    ("DJANGO_ALLOWED_HOSTS", " , ", "DJANGO_ALLOWED_HOSTS is missing: list"),
    ("DJANGO_DEBUG", "maybe", "DJANGO_DEBUG is 'maybe', allowed are 1, true, yes, 0, false, no"),
    ("API_AUTH", "off", "API_AUTH is 'off', allowed are keys, none"),
    ("API_KEYS", None, "API_KEYS is missing: give keys, or say API_AUTH=none"),
    ("API_KEYS", f"{KEY},{KEY}", "API_KEYS entry 2 repeats the digest of an earlier one"),
    ("DATABASE_URL", None, "DATABASE_URL is missing: postgresql://user:password@host/name"),
    ("DATABASE_URL", "nonsense", "DATABASE_URL is no URL like postgresql://user:password@host/name"),
    ("DATABASE_URL", "postgresql://host:port/x", "DATABASE_URL is no URL like postgresql://"),
    ("DATABASE_URL", "sqlite:///x", "DATABASE_URL names no PostgreSQL: postgresql://… is the only"),
    ("DATABASE_URL", "postgresql://host", "DATABASE_URL names no database: postgresql://user"),
    ("MAX_BODY_BYTES", "1e6", "MAX_BODY_BYTES is '1e6', allowed are whole numbers from 1"),
    ("MAX_BODY_BYTES", "0", "MAX_BODY_BYTES is '0', allowed are whole numbers from 1"),
    ("MAX_BODY_BYTES", "１", "MAX_BODY_BYTES is '１', allowed are whole numbers from 1"),
    ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud', allowed are DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    ("LOG_LEVEL_FILE", "/nowhere", "LOG_LEVEL_FILE names '/nowhere', which cannot be read: "),
    ("HSTS_SECONDS", "1y", "HSTS_SECONDS is '1y', allowed are whole numbers from 0"),
    ("CORS_ALLOWED_ORIGINS", "example.org", "CORS_ALLOWED_ORIGINS lists 'example.org', allowed"),
    ("CORS_ALLOWED_ORIGINS", "https://example.org/", "CORS_ALLOWED_ORIGINS lists 'https://exam"),
    ("LOG_FORMAT", "xml", "LOG_FORMAT is 'xml', allowed are people, json"),
    ("METRICS_PORT", "8000", "METRICS_PORT is 8000, which is PORT as well"),
    ("METRICS_PORT", "9100/tcp", "METRICS_PORT is '9100/tcp', allowed are whole numbers from 0"),
    ("SERVER_TIMING", "maybe", "SERVER_TIMING is 'maybe', allowed are 1, true, yes, 0, false, no"),
    ("DATABASE_URL", "postgresql://u:1/2@h/n", "DATABASE_URL has an @ too late: in a password"),
    ("DATABASE_URL", "postgresql://u:1#2@h/n", "DATABASE_URL has an @ too late: in a password"),
    ("DATABASE_URL", "postgresql://u:1?2@h/n", "DATABASE_URL has an @ too late: in a password"),
    ("DATABASE_URL", "postgresql://h/n?user=a&user=b", "DATABASE_URL has user more than once"),
    ("DATABASE_URL", "postgresql://h/n?pool=true", "DATABASE_URL has the option pool: each worker"),
    ("DATABASE_URL", "postgresql://h/n?pgbouncer=true", "DATABASE_URL has the option pgbouncer: "),
    ("DATABASE_URL", "postgresql://h/n?conn_max_age=x", "DATABASE_URL has conn_max_age='x'"),
    ("DATABASE_URL", "postgresql://h/n?schema=x", "DATABASE_URL is not what libpq can read: "),
    ("DATABASE_URL", "postgresql://h/n?sslmode=x", "DATABASE_URL is not what libpq can read: "),
    ("DATABASE_URL", "postgresql://h/n?connect_timeout=x", "DATABASE_URL has connect_timeout='x'"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT needs"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/v1/traces", "OTEL_EXPORTER_OTLP_ENDPOINT needs"),
    ("OVERLAP_LINKS", "257", "OVERLAP_LINKS is '257', allowed are whole numbers from 0 to 256"),
    ("SPEEDUPS", "answers,magic", "SPEEDUPS lists 'magic', allowed are none or some of answers, "),
])  # fmt: skip
def test_a_wrong_value_is_refused_in_one_line(refusal, name, value, line):
    assert refusal(**{name: value}).startswith(line)


@pytest.mark.parametrize("entry", [
    SECRET, f"a:{SECRET}:read", KEY.replace(":write", ":admin"), KEY.upper(), KEY.partition(":")[2],
])  # fmt: skip
def test_a_key_of_another_form_is_refused_without_being_repeated(refusal, entry):
    line = refusal(API_KEYS=f"{KEY} {entry}")
    assert line == "API_KEYS entry 2 is not name:sha256-hex:scope (read or write)"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:open-sesame@h/x", "open-sesame", "postgresql://u:open-sesame@h",
        "postgresql://u@h/n?password=open-sesame&password=open-sesame",
        "postgresql://u:1/open-sesame@h/n", "postgresql://u:1#open-sesame@h/n",
        "postgresql://u:1?open-sesame@h/n",
    ],
)  # fmt: skip
def test_a_refused_database_is_named_without_its_password(refusal, url):
    assert "open-sesame" not in refusal(DATABASE_URL=url)


def test_a_value_may_stand_in_a_file_as_secret_mounts_have_it(load, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("from a file " * 5 + "\n")
    settings = load(DJANGO_SECRET_KEY=None, DJANGO_SECRET_KEY_FILE=str(secret))
    assert settings["SECRET_KEY"] == ("from a file " * 5).strip()


def test_a_file_as_windows_writes_it_and_blanks_around_a_value_are_no_part_of_it(load, tmp_path):
    file = tmp_path / "url"
    file.write_text("\ufeffpostgresql://h/n\r\n", encoding="utf-8")
    for given in ({"DATABASE_URL_FILE": str(file)}, {"DATABASE_URL": "postgresql://h/n \r"}):
        settings = load(**{"DATABASE_URL": None, **given})
        assert settings["DATABASES"]["default"]["NAME"] == "n"


def test_a_value_that_is_set_twice_is_refused(refusal, tmp_path):
    assert refusal(API_KEYS_FILE=str(tmp_path)) == (
        "API_KEYS is set twice, by API_KEYS and by API_KEYS_FILE: keep one of them"
    )


def test_a_file_that_is_no_text_is_refused(refusal, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    path = str(tmp_path / "binary")
    assert refusal(LOG_LEVEL_FILE=path).startswith(f"LOG_LEVEL_FILE names {path!r}, which cannot")


def test_production_has_no_admin_no_sessions_and_no_embedded_database(load):
    settings = load()
    assert settings["DEBUG"] is False
    assert settings["EMBEDDED_POSTGRESQL_ALLOWED"] is False
    assert "django.contrib.admin" not in settings["INSTALLED_APPS"]
    assert settings["DATABASES"]["default"]["HOST"] == "127.0.0.1"


def test_no_keys_are_asked_for_only_when_said_or_in_development(load):
    assert load()["API_AUTH"] == "keys"
    assert load(API_AUTH="none")["API_AUTH"] == "none"
    assert load(API_KEYS=None, DJANGO_DEBUG="1")["API_AUTH"] == "none"
    assert load(API_KEYS=KEY, DJANGO_DEBUG="1")["API_AUTH"] == "keys"


@pytest.mark.parametrize(("program", "url", "debug"), [
    ("manage.py", None, True),
    ("manage.py", PRODUCTION["DATABASE_URL"], False),
    ("gunicorn", PRODUCTION["DATABASE_URL"], False),
])  # fmt: skip
def test_development_is_manage_py_where_no_database_was_named(
    load, monkeypatch, program, url, debug
):
    monkeypatch.setattr(sys, "argv", [program])
    assert load(DATABASE_URL=url)["DEBUG"] is debug


def test_a_file_for_the_database_that_is_empty_yet_is_no_development(
    refusal, monkeypatch, tmp_path
):
    """Else `manage.py migrate` would migrate the embedded one and say that all is well."""
    monkeypatch.setattr(sys, "argv", ["manage.py"])
    (tmp_path / "url").touch()
    file = str(tmp_path / "url")
    assert refusal(DATABASE_URL=None, DATABASE_URL_FILE=file).startswith("DATABASE_URL is missing")


@pytest.mark.parametrize(("terminal", "said", "formatter"), [
    (True, None, "people"), (True, "json", "json"),
    (False, None, "json"), (False, "people", "people"),
])  # fmt: skip
def test_people_on_a_terminal_read_short_lines_and_machines_json_unless_told_otherwise(
    load, monkeypatch, terminal, said, formatter
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert load(LOG_FORMAT=said)["LOGGING"]["handlers"]["stdout"]["formatter"] == formatter


@pytest.mark.parametrize("host", [
    "https://x", "x:8000", '["x"]', "a;b", "::1", "[::1", "x.", "*.example.org", "under_score", ".",
    "münchen.example", "x/y", "'x'", "[::1]:8000",
])  # fmt: skip
def test_a_host_that_no_request_can_match_is_refused_at_the_start(refusal, host):
    said = refusal(DJANGO_ALLOWED_HOSTS=f"localhost,{host}")
    assert said.startswith(f"DJANGO_ALLOWED_HOSTS lists {host!r}, which no request can match")


@pytest.mark.parametrize(
    "host",
    ["x", "X.example", ".example.org", "10.0.0.1", "[::1]", "*", "a-b.c", "xn--a-b.de"],
)
def test_every_way_to_write_a_host_is_taken(load, host):
    assert load(DJANGO_ALLOWED_HOSTS=host)["ALLOWED_HOSTS"] == [host]


@pytest.mark.parametrize("level", ["info", "Info", "INFO", "", None])
def test_what_is_meant_is_understood(load, level):
    settings = load(LOG_LEVEL=level, API_KEYS_FILE="", LOG_LEVEL_FILE="", MAX_BODY_BYTES="")
    assert settings["LOGGING"]["root"]["level"] == "INFO"
    assert settings["API_KEYS"]


def test_a_browser_hears_of_https_for_an_hour_and_of_more_only_when_said(load):
    names = ("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")
    assert [load()[name] for name in names] == [3600, False, False]
    said = load(HSTS_SECONDS="31536000", HSTS_INCLUDE_SUBDOMAINS="1", HSTS_PRELOAD="yes")
    assert [said[name] for name in names] == [31_536_000, True, True]
    assert load(HSTS_SECONDS="0")["SECURE_HSTS_SECONDS"] == 0


@pytest.mark.parametrize(("option", "last"), [
    ("currentSchema=shop", "search_path=shop"),
    ("options=-c%20search_path%3Dshop", "search_path=shop"),
    ("options=-c%20statement_timeout%3D0", "statement_timeout=0"),  # which then holds
])  # fmt: skip
def test_time_limits_stay_whatever_else_the_url_asks_for(load, option, last):
    database = load(DATABASE_URL=f"postgresql://h/n?{option}")["DATABASES"]["default"]
    assert database["OPTIONS"]["options"] == (
        f"-c statement_timeout=5s -c lock_timeout=3s -c {last}"
    )


def test_connections_are_kept_unless_the_url_gives_them_an_age(load):
    for option, age in (("", None), ("?conn_max_age=60", 60), ("?conn_max_age=", None)):
        database = load(DATABASE_URL=f"postgresql://h/n{option}")["DATABASES"]["default"]
        assert database["CONN_MAX_AGE"] == age
        assert "conn_max_age" not in database["OPTIONS"]


@pytest.mark.parametrize("password", ["0042", "true", "1e3"])
def test_a_password_among_the_options_stays_as_it_is_written(load, password):
    url = f"postgresql:///n?host=/run/postgresql&user=007&password={password}"
    options = load(DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
    assert (options["user"], options["password"]) == ("007", password)


def test_the_database_gives_up_on_a_statement_before_the_client_does(load):
    options = load(DATABASE_URL="postgresql://h/x?sslmode=require")["DATABASES"]["default"][
        "OPTIONS"
    ]
    assert options["sslmode"] == "require"
    assert "statement_timeout=5s" in options["options"]


def test_check_deploy_finds_nothing_in_production():
    checked = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_manage_py_shows_the_one_line_and_no_traceback():
    checked = run("manage.py", "check", **PRODUCTION, LOG_LEVEL="loud")
    assert checked.returncode == 2
    assert (checked.stdout, checked.stderr.count("\n")) == ("", 1)
    assert checked.stderr.startswith("LOG_LEVEL is 'loud'")


@pytest.mark.parametrize("command", [("migrate",), ("seed", "--rows", "1")])
def test_a_database_that_is_not_there_is_one_line_that_says_what_to_check(command):
    ended = run("manage.py", *command, DATABASE_URL=NOWHERE, DJANGO_DEBUG="1")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("manage.py: connection failed: ")
    assert "(check DATABASE_URL" in ended.stderr
    assert "open-sesame" not in ended.stderr

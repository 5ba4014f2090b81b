"""Whatever the environment says, a start goes on or ends in one line that names a variable."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.project.production import PRODUCTION, run, run_anew
from tests.test_layout import read_names

SETTINGS = "project.settings"
# As gunicorn does, as far as it needs no port.
START = """
import runpy, sys, warnings
warnings.simplefilter("error", SyntaxWarning)
sys.argv = ["gunicorn"]
runpy.run_path("gunicorn.conf.py")
import project.wsgi
"""
GUNICORNS = {"FORWARDED_ALLOW_IPS", "GUNICORN_FD", "GUNICORN_PID", "LISTEN_FDS", "LISTEN_PID"}
NAMES = sorted(read_names() | GUNICORNS | {f"{name}_FILE" for name in PRODUCTION})
# What people write, whichever variable it was meant for, and what no program expects.
WRITTEN = (
    "", " ", "0", "1", "-1", "1.5", "auto", "info", "none", "None", "null", "true", "TRUE", "on",
    "9" * 5000, "1e3", "0x10", "１", "1_000", "\n", "a\nb", "'x'", '["x"]', "a;b", "a,b", "*", "**",
    ".", "..", "/", "/dev/shm", "/nowhere/at/all", "https://example.org", "https://example.org/",
    "http://localhost:3000", "https://münchen.example", "example.org:8000", "::1", "[::1]", "[::",
    "*.example.org", ".example.org", "example.org.", "under_score", "0.0.0.0", "10.0.0.0/8",
    "10.0.0.1/8", "8000", "65535", "65536", "é" * 300, "\x1b[31m", "%00", "\u2028",
)  # fmt: skip
FEW = ("a\nb", "*")
OPTIONS = (
    "pool=true", "pool=false", "conn_max_age=", "conn_max_age=60", "conn_max_age=x", "a=b",
    "pgbouncer=true", "sslmode=require", "sslmode=no", "options=-c search_path=x", "options=x",
    "options=a&options=b", "currentSchema=x", "connect_timeout=x", "keepalives_idle=true",
    "service=x", "application_name=%00", "target_session_attrs=any", "hostaddr=x", "port=x",
    "isolation_level=4", "assume_role=x", "schema=public", "host=a,b", "host=/tmp",
)  # fmt: skip
URLS = st.builds(
    "{}://{}{}/{}{}".format,
    st.sampled_from(["postgresql", "postgres", "postgis", "mysql", "sqlite", ""]),
    st.sampled_from(["", "u:p@", "u@", "u:p%00@", "u:p@ss@", "u:#@", "é:é@", ":@"]),
    st.sampled_from(
        ["", "h", "h:1", "h:x", "h:99999", "[::1]", "[::1", "a,b", "a:1,b:2", "%2Ftmp"]
    ),
    st.sampled_from(["", "n", "n/m", "%00", "é", "a b"]),
    st.lists(st.sampled_from(OPTIONS), max_size=3).map(lambda some: f"?{'&'.join(some)}"),
)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.one_of(st.sampled_from(WRITTEN), WORDS, URLS)
ENVIRONMENTS = st.fixed_dictionaries(
    {},
    optional={name: URLS if name == "DATABASE_URL" else VALUES for name in NAMES},
).map(lambda some: dict(list(some.items())[:4]))


def start(environment: dict[str, str]) -> tuple[int, str]:
    """Start the service; return the exit code and what it said."""
    ended = run("-c", START, **environment, DJANGO_SETTINGS_MODULE=SETTINGS)
    return ended.returncode, ended.stderr


def assert_goes_on_or_says_why(environment: dict[str, str]) -> str:
    code, said = start(environment)
    if code == 0:
        assert said == ""
        return said
    assert (code, said.count("\n"), said[-1:]) == (2, 1, "\n"), said
    assert any(said.startswith(name.removesuffix("_FILE")) for name in [*NAMES, "TMPDIR"]), said
    return said


@pytest.mark.parametrize("values", [FEW, pytest.param(WRITTEN, marks=pytest.mark.torture)],
                         ids=["few", "all"])  # fmt: skip
@pytest.mark.parametrize("name", NAMES)
def test_no_value_of_a_variable_that_somebody_may_write_is_a_traceback(name, values):
    for value in values:
        assert_goes_on_or_says_why({**PRODUCTION, "LOG_LEVEL": "WARNING", name: value})


def test_a_variable_that_is_empty_is_none():
    empty = dict.fromkeys(set(NAMES) - PRODUCTION.keys(), "")
    assert start({**empty, **PRODUCTION, "LOG_LEVEL": "WARNING"}) == (0, "")


@pytest.mark.parametrize("name", PRODUCTION)
def test_an_empty_variable_that_is_needed_is_named(name):
    assert assert_goes_on_or_says_why({**PRODUCTION, name: ""}).startswith(f"{name} ")


@pytest.mark.parametrize("option", OPTIONS)
def test_no_option_of_the_database_is_a_traceback(option):
    url = f"postgresql://u:open-sesame@h/n?{option}"
    said = assert_goes_on_or_says_why({**PRODUCTION, "DATABASE_URL": url})
    assert "open-sesame" not in said


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=ENVIRONMENTS, without=st.sets(st.sampled_from(sorted(PRODUCTION)), max_size=1))
def test_no_environment_is_a_traceback(changes, without):
    kept = {name: value for name, value in PRODUCTION.items() if name not in without}
    assert_goes_on_or_says_why(kept | changes)


def test_a_start_as_it_should_be_goes_on_and_python_says_nothing_at_its_end():
    ended = run_anew(
        "-c", START, **PRODUCTION, LOG_LEVEL="WARNING", DJANGO_SETTINGS_MODULE=SETTINGS
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")

"""House rules that no linter knows: who may import whom; documents name what is there."""

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"project", "crud", "drf_speedups", "lab", "peers", "tests"}
WEB = {"django", "rest_framework", "gunicorn"}
SERVICE = {"project", "crud", "drf_speedups"}
READERS = ("project/settings.py", "gunicorn.conf.py")  # of the service's environment
LOCUST = {"locust", "gevent", "geventhttpclient", "flask"}  # with what it stands on
FRAMEWORKS = {  # of each peer, with what it stands on
    "shared": {"pydantic", "sqlalchemy"},
    "fastapi_common": {"fastapi", "starlette", "pydantic", "uvicorn"},
    "fastapi_sqlalchemy": {"fastapi", "sqlalchemy"},
    "fastapi_asyncpg": {"fastapi", "asyncpg", "msgspec"},
    "flask_sqlalchemy": {"flask", "werkzeug", "pydantic", "sqlalchemy", "msgspec"},
    "django_ninja": {"django", "ninja", "pydantic", "msgspec", "dj_database_url"},
    "drf_stock": {"django", "rest_framework", "dj_database_url"},
    "django_bolt": {"django", "django_bolt", "msgspec", "dj_database_url"},
    "django_fastdrf": {"django", "rest_framework", "fastdrf", "msgspec", "dj_database_url"},
}
SHARED = {"shared", "fastapi_common"}  # what peers have in common
Rooms = dict[str, tuple[str, str]]  # what each may import, and why nothing else
LAB: Rooms = {
    "records": ("", "what a trial found is the seam: it knows neither who writes nor who reads it"),
    "experiments": ("records", "what is to be measured is planned before anything runs"),
    "running": ("experiments records", "what runs writes records; it judges and draws nothing"),
    "analysis": ("records", "what the records say is read from them alone, and runs nothing"),
    "sizing": ("analysis records", "a plan is computed from what was measured, and draws nothing"),
    "report": ("analysis sizing records", "a report can be redrawn anywhere: it runs nothing"),
    "probing": ("", "a service is looked at from outside, before anything is measured"),
    "cli": (
        "experiments probing running records analysis sizing report",
        "a command is the outermost shell",
    ),
}
SPEEDUPS: Rooms = {
    "eligibility": ("", "what is known of a project is asked by all pieces, and asks none of them"),
    "postgresql": ("", "a database backend is everybody's, with and without the other pieces"),
    "database": ("eligibility", "statements know no serializer that is at work, and no request"),
    "serializers": ("eligibility", "fields and bodies are looked at before there is a statement"),
    "writes": ("eligibility database", "one statement writes, whoever answers with its row"),
    "stand_ins": ("eligibility", "which methods are replaced is known to who replaces them"),
    "queries": ("eligibility database stand_ins", "any query of Django's, whoever asks"),
    "representation": (
        "eligibility database queries stand_ins",
        "any view set's rows, whatever else is in place",
    ),
    "urls": (
        "eligibility representation stand_ins",
        "a view is found, and a page's link written, whatever answers",
    ),
    "framework": ("representation", "it is imported by the project first, and then by ours"),
    "pagination": ("eligibility", "a paginator runs in any project"),
    "security_headers": ("eligibility", "headers are the same for any answer"),
    "answers": (
        "eligibility database serializers writes pagination",
        "an action's answer is the same in a view and in a lane",
    ),
    "express": (
        "eligibility database framework answers",
        "a lane finds the action, which then answers",
    ),
    "overlap": (
        "eligibility database writes answers express",
        "a worker's lane is the express lane, for many requests at a time",
    ),
    "worker": ("", "the worker serves any WSGI application and knows no Django"),
    "server": ("database", "gunicorn's hooks tell how the service runs, whatever it answers"),
}


def imports(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (file, dotted name) for every import below a folder, wherever in the file it stands."""
    for path in sorted((ROOT / folder).rglob("*.py")) or [ROOT / folder]:
        yield from ((str(path.relative_to(ROOT)), name) for name in imported(path))


@functools.cache
def imported(path: Path) -> list[str]:
    """Return the dotted names that a file imports; each is asked for in several rooms."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [f"{module}.{alias.name}" for alias in node.names]
    return found


def tops(folder: str) -> set[str]:
    return {name.partition(".")[0] for _, name in imports(folder)}


@pytest.mark.parametrize(("folder", "forbidden"), [
    ("project", OURS - SERVICE),
    ("crud", OURS - {"crud", "drf_speedups"}),
    ("drf_speedups", OURS - {"drf_speedups"}),
    ("gunicorn.conf.py", OURS - {"drf_speedups"} | {"django", "rest_framework"}),
    ("lab", OURS - {"lab"} | WEB | {"locust", "gevent"}),
    ("peers", OURS - {"peers"}),
])  # fmt: skip
def test_imports_follow_the_arrows_of_the_design(folder, forbidden):
    wrong = [(file, name) for file, name in imports(folder) if name.split(".")[0] in forbidden]
    assert not wrong


def against_the_arrows(folder: str, rooms: Rooms, door: str) -> Iterator[str]:
    """Yield the imports from a room into one that it may not see. `door`: names that all may."""
    for room, (may, why) in rooms.items():
        allowed = {room, *may.split(), *door.split()}
        place = f"{folder}/{room}"
        for file, name in imports(place if (ROOT / place).is_dir() else f"{place}.py"):
            if name.startswith(f"{folder}.") and name.split(".")[1] not in allowed:
                yield f"{file} imports {name}: {why}"


@pytest.mark.parametrize(("folder", "rooms", "door"), [
    ("lab", LAB, "errors ROOT"), ("drf_speedups", SPEEDUPS, ""),
])  # fmt: skip
def test_imports_follow_the_arrows_between_rooms(folder, rooms, door):
    there = {path.parent.name for path in (ROOT / folder).glob("[a-z]*/__init__.py")}
    assert there <= set(rooms) | {"management"}
    assert not [*against_the_arrows(folder, rooms, door)]


@pytest.mark.parametrize("folder", ["lab", "drf_speedups", "project", "crud"])
def test_a_room_is_seen_at_a_glance(folder):
    rooms = {path.parent for path in (ROOT / folder).rglob("*.py")}
    sizes = {str(room.relative_to(ROOT)): len([*room.glob("[a-z]*.py")]) for room in rooms}
    assert {room: size for room, size in sizes.items() if size > 15} == {}


def test_a_room_whose_docstring_lists_its_modules_lists_them_all():
    for room in {path.parent for path in (ROOT / "drf_speedups").rglob("*.py")}:
        said = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        listed = set(re.findall(r"^ *([a-z_]+) {2,}\S", said, re.MULTILINE))
        there = {path.stem for path in room.glob("[a-z]*") if path.suffix == ".py" or path.is_dir()}
        assert not listed or listed == there, room


def test_the_load_knows_locust_and_its_siblings_only():
    siblings = {path.stem for path in (ROOT / "locust").glob("*.py")}
    assert tops("locust") <= sys.stdlib_module_names | siblings | LOCUST


def test_the_locust_folder_hides_no_package():
    assert not (ROOT / "locust" / "__init__.py").exists()


PEERS = sorted({path.parent.name for path in (ROOT / "peers").glob("*/*.py")})


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_knows_its_own_framework_and_no_other_peer(peer):
    allowed = sys.stdlib_module_names | FRAMEWORKS[peer] | {"peers", ""}
    assert tops(f"peers/{peer}") <= allowed
    others = [name for _, name in imports(f"peers/{peer}") if name.startswith("peers.")]
    assert {name.split(".")[1] for name in others} <= {peer} | SHARED


def test_only_the_settings_and_gunicorn_read_the_environment_of_the_service():
    readers = {
        file
        for folder in SERVICE
        for path in (ROOT / folder).rglob("*.py")
        for file in [str(path.relative_to(ROOT))]
        if re.search(r"\bos\.environ\b(?!\.setdefault)|\bgetenv\b", path.read_text())
    }
    assert readers == {
        "project/environment.py",
        "project/management/commands/postgres.py",  # hands it on to the command that it runs
        "drf_speedups/worker/options.py",  # for projects that have no gunicorn.conf.py of ours
    }


def read_names(*files: str) -> set[str]:
    """Return the names of the variables that the service's code, or some of it, asks for."""
    asking = re.compile(
        r"(?:\benvironment\.\w+|\benviron\.get|\b_(?:said|number|seconds|address))"
        r'\(\s*["\']([A-Z_]+)'
    )
    texts = [(ROOT / file).read_text() for file in files or READERS]
    found = {name for text in texts for name in asking.findall(text)}
    return found - {"GUNICORN_FD"}  # which a gunicorn tells the next one


def test_the_documents_name_exactly_the_variables_that_are_read():
    section = (ROOT / "docs" / "settings.md").read_text()
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", section)) - {"NAME_FILE"}
    assert named == read_names()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def documents() -> list[Path]:
    pages = (ROOT / "docs").rglob("*.md")
    of_folders = (ROOT / folder for folder in ("deploy", "drf_speedups", "peers"))
    readmes = (page for folder in of_folders for page in folder.rglob("README.md"))
    return sorted([*ROOT.glob("[A-Z]*.md"), *readmes, *pages])


def test_links_and_paths_in_the_documents_lead_somewhere():
    folders = "crud|deploy|docs|lab|locust|peers|project|drf_speedups|tests"
    for document in documents():
        text = document.read_text()
        links = [document.parent / link for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", text)]
        paths = [ROOT / path for path in re.findall(rf"`((?:{folders})/[\w./-]+)`", text)]
        missing = [str(path) for path in (*links, *paths) if not path.exists()]
        assert not missing, f"{document.name} names what is not there"


def is_there(dotted: str) -> bool:
    """Tell whether a dotted name leads to a module, or to a name that one has."""
    place, *rest = ROOT, *dotted.split(".")
    while rest and (place / rest[0]).is_dir():
        place /= rest.pop(0)
    if rest and (place / f"{rest[0]}.py").exists():
        place /= f"{rest.pop(0)}.py"
    text = place if place.is_file() else place / "__init__.py"
    return not rest or (text.exists() and bool(re.search(rf"\b{rest[0]}\b", text.read_text())))


def test_modules_and_names_in_the_documents_are_there():
    checks = re.compile(r"drf_speedups\.[EW]\d+")  # ids of Django's system checks
    for document in documents():
        named = re.findall(
            r"(?<![\w./-])(?:drf_speedups|project|crud|lab)(?:\.[A-Za-z_]\w*)+(?!\()",
            document.read_text(),
        )
        missing = {one for one in named if not checks.fullmatch(one) and not is_there(one)}
        assert not missing - {"crud.py"}, f"{document.name} names what is not there"


def test_every_make_command_in_the_documents_is_a_target():
    named = {
        target
        for document in documents()
        for target in re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.MULTILINE)
    }
    assert named
    assert named <= targets()


def test_make_help_lists_every_target():
    said = subprocess.run(
        ["make", "--no-print-directory", "help"],  # which a make around the tests would print
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {line.split()[0] for line in said.stdout.splitlines()} == targets()

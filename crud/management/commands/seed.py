"""`manage.py seed`: fill the table with deterministic, realistic rows, through COPY."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from tqdm import tqdm

from crud.models import Item

QUALITIES = ["Folding", "Solid", "Compact", "Quiet", "Sturdy", "Light", "Waterproof", "Refurbished"]
MATERIALS = ["oak", "steel", "cotton", "bamboo", "leather", "glass", "aluminium", "wool"]
THINGS = ["desk", "lamp", "backpack", "chair", "kettle", "keyboard", "shelf", "blanket", "helmet"]
PLACES = ["Lisbon", "Tartu", "Ghent", "Oulu", "Porto", "Graz", "Malmö", "Kraków"]
GOLDEN_RATIO = 0x9E37_79B9_7F4A_7C15  # the odd number next to 2**64 divided by it


class Command(BaseCommand):
    help = "Replace the rows of the table by N new ones with the ids 1 to N."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rows", type=int, required=True, metavar="N")
        parser.add_argument("--append", action="store_true", help="keep the rows that are there")
        parser.add_argument("--if-empty", action="store_true", help="do nothing if there are rows")
        parser.add_argument("--yes", action="store_true", help="rows may be lost")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = options["rows"]
        if rows < 0:
            raise CommandError(f"--rows is {rows}: give a number from 0")
        there = Item.objects.exists()
        if options["if_empty"] and there:
            return
        if there and not (options["append"] or options["yes"] or settings.DEBUG):
            raise CommandError("this would delete rows: say --yes, or --append to keep them")
        with transaction.atomic():  # Ctrl-C leaves the table as it was
            first = _next_id() if options["append"] else self._empty()
            self._copy(first, rows)
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {Item._meta.db_table}")

    def _empty(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {Item._meta.db_table} RESTART IDENTITY")
        return 1

    def _copy(self, first: int, rows: int) -> None:
        table = Item._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            with cursor.copy(
                f"COPY {table} (id, name, description, price, quantity) FROM STDIN"
            ) as copy:
                for row in tqdm(_items(first, rows), total=rows, unit=" rows", disable=None):
                    copy.write_row(row)
            if rows:
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, first + rows - 1]
                )


def _next_id() -> int:
    newest = Item.objects.order_by("-id").values_list("id", flat=True).first()
    return (newest or 0) + 1


def _items(first: int, rows: int) -> Iterator[tuple[int, str, str, str, int]]:
    """Yield rows that depend on their id only, so that two tables of one size are equal."""
    for key in range(first, first + rows):
        left, quality = divmod(_scattered(key), len(QUALITIES))
        left, material = divmod(left, len(MATERIALS))
        left, thing = divmod(left, len(THINGS))
        left, place = divmod(left, len(PLACES))
        left, quantity = divmod(left, 1000)
        name = f"{QUALITIES[quality]} {MATERIALS[material]} {THINGS[thing]} {key}"
        kind = f"{QUALITIES[quality].lower()} {THINGS[thing]}"
        description = f"A {kind} from {PLACES[place]}, ready to ship."
        yield key, name, description, f"{left % 10_000_000 / 100:.2f}", quantity


def _scattered(key: int) -> int:
    """Return 56 bits in which neighbours look unrelated (Knuth's multiplicative hash, twice).

    A tenth of the cost of a `random.Random(key)` for each of a million rows.
    """
    once = key * GOLDEN_RATIO % 2**64
    return ((once ^ once >> 32) * GOLDEN_RATIO % 2**64) >> 8

"""What `manage.py` says in one line of what the database refuses: whoever runs it can mend it."""

from django.db import DatabaseError, OperationalError

# SQLSTATE: what to do about it. All else of this kind is a defect, and a traceback tells more.
ADVICE = {
    "42P01": "run manage.py migrate first",  # there is no such table
    "42501": "run it as the role that owns the tables, or see deploy/roles.sql",
}


def in_one_line(error: DatabaseError) -> str | None:
    """Return what is wrong and what to do, None for what only a traceback explains."""
    refusal = _refusal(error)
    state = getattr(refusal, "sqlstate", None)
    if isinstance(error, OperationalError):
        advice = "" if state else " (check DATABASE_URL, and that PostgreSQL runs there)"
        return " ".join(str(error).split()) + advice
    if state not in ADVICE:
        return None
    reason, *_where = str(refusal).splitlines()
    return f"{reason}: {ADVICE[state]}"


def _refusal(error: BaseException) -> BaseException | None:
    """Return what the driver has raised, also where Django's migrations tell it in their words."""
    cause = error.__cause__ or error.__context__
    return cause if cause is None or getattr(cause, "sqlstate", None) else _refusal(cause)

"""What an error must look like; the only place that knows what peers may do otherwise."""

import httpx

MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}
MUST_CARRY = {401: "WWW-Authenticate", 405: "Allow", 503: "Retry-After"}
PEERS_MAY = {400: {400, 422}}  # and their error bodies are their own
INTERNALS = ("Traceback", "psycopg", "sqlalchemy", "SELECT", "INSERT", "crud_item",
             "set_int_max_str_digits", "Expecting", "column", "codec", "<html")  # fmt: skip


def assert_refused(answer: httpx.Response, status: int) -> None:
    """Check the status of a refusal and, where it is promised, the body."""
    assert not [word for word in INTERNALS if word in answer.text]
    if answer.headers["X-Served-By"].startswith("django/"):
        assert_problem(answer, status)
    else:
        assert answer.status_code in PEERS_MAY.get(status, {status})


def assert_problem(answer: httpx.Response, status: int) -> None:
    """Check an error body of ours; also the few that gunicorn itself writes."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() - {"errors"} == MEMBERS
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers.get("X-Request-ID", "-")
    assert ("errors" in problem) == (status == 400)
    assert status not in MUST_CARRY or MUST_CARRY[status] in answer.headers
    for fault in problem.get("errors", ()):
        assert fault.keys() == {"pointer", "detail", "code"}

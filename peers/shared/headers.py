"""Who sends JSON, who takes it, and how much of it."""

LARGEST_BODY = 1_048_576  # bytes
WITH_BODY = {"POST", "PUT", "PATCH"}
JSON_TYPES = {"application/json", "application/json;charset=utf-8"}
ACCEPTING_JSON = {"*/*", "application/*", "application/json"}


def accepts_json(accept: str | None) -> bool:
    """Tell whether the header `Accept`, if any, lets JSON through."""
    if accept is None or accept == "*/*":
        return True
    ranges = accept.lower().split(",")
    return any(one.partition(";")[0].strip() in ACCEPTING_JSON for one in ranges)


def is_json(content_type: str | None) -> bool:
    """Tell whether the header `Content-Type` says JSON in UTF-8."""
    if content_type is None or content_type == "application/json":
        return content_type is not None
    return content_type.lower().replace(" ", "").replace('"', "") in JSON_TYPES


def refusal(method: str, accept: str | None, content_type: str | None) -> int:
    """Return the status that refuses such a request, 0 for none."""
    if not accepts_json(accept):
        return 406
    return 415 if method in WITH_BODY and not is_json(content_type) else 0

"""The requests that are measured, by the name of their view set."""

PATHS = {
    "snippet": "/snippet/", "user": "/user/", "member": "/member/", "columns": "/columns/",
    "filtered": "/filtered/?search=book&ordering=-id",
    "nested": "/nested/", "many": "/many/", "method": "/method/", "one row": "/nested/7/",
}  # fmt: skip

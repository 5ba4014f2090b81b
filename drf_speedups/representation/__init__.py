"""Any view set, with only its serialization replaced.

`ROWS.install()` puts ours in the place of seven methods of the framework, and of one of
django-filter's where a project uses that. Everything of a project runs as it is: who may come in,
what `get_queryset`, the filters and the paginator choose, which serializer and which renderer. What
is different is how a serializer makes an answer of rows:

    installing    what stands in whose place
    members       how a field gets at a value and shows it, looked at once
    moments       a moment's text in UTC, in fewer steps
    templates     the fields of a serializer class, built once
    reading       a serializer reads rows by what came of it, or by fields of its own
    sql           rows that PostgreSQL writes as JSON, by the project's own query
    finished      a serializer's data that nobody has looked at yet
    lazy          a list that is filled when somebody looks
    surroundings  what is true of a thread, and what values and URLs follow from
    negotiating   the renderer that a header asks for
    filtering     django-filter's filters that a request does not name
    explaining    why rows of a view set are not written by the database

Whatever is not known is left to the framework: a field, a serializer, a query set. The ordinary
rows of a query are always there, so that whoever looks at an answer's data gets what the framework
makes of the very same rows.
"""

from drf_speedups.representation.installing import ROWS

__all__ = ["ROWS"]

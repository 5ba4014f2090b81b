"""Any view set, with only its serialization replaced.

`install()` puts ours in the place of eight methods of the framework. Everything of a project runs
as it is: who may come in, what `get_queryset`, the filters and the paginator choose, which
serializer and which renderer. What is different is how a serializer makes an answer of rows:

    members     a class's fields are looked at once
    reading     a serializer reads rows by what came of it, or by fields of its own
    columns     the text that PostgreSQL writes for a column, and the values that only Python knows
    texts       the JSON of a row in SQL, with the rows and URLs that it refers to
    rows        a query that is run once, its rows both finished JSON and ordinary objects
    prefetched  rows that Django fetches beside it, by the same statements
    shapes      SQL that is the same but for values is compiled once
    conditions  what the SQL of conditions follows from
    finished    a serializer's data that nobody has looked at yet
    negotiating the renderer that a header asks for
    lazy        a list that is filled when somebody looks
    installing  what stands in whose place

Whatever is not known is left to the framework: a field, a serializer, a query set. The ordinary
rows of a query are always there, so that whoever looks at an answer's data gets what the framework
makes of the very same rows.
"""

from drf_speedups.representation.installing import install

__all__ = ["install"]

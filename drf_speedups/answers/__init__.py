"""A `ModelViewSet` whose plain cases are answered with finished JSON from PostgreSQL.

    class ItemViewSet(FinishedAnswers, ModelViewSet):
        ...

Each action of a view set is looked at once. Where all it does is known (the framework's own
methods, a JSON renderer, fields that `drf_speedups.database.json_sql` can write), a request takes
one prepared statement, whose result is the body. Everything else, and every request that is not
plain or not valid, goes the framework's way from its start: errors, other media types, reverse
pages. `manage.py speedups` tells which actions are answered so, and why others are not.
"""

from drf_speedups.answers.view import FinishedAnswers, explained

__all__ = ["FinishedAnswers", "explained"]

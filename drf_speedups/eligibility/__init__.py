"""Eligibility: when a piece may do the framework's work, in one vocabulary for all pieces.

The rule is not "nothing is different that we know of" but "everything is known". Each kind of thing
on the way of a request (view set, serializer, field, validator, paginator, parser, renderer,
permission, model, column, manager, query set, database) has a `Role`: the framework's class whose
behaviour the pieces have, and what else may stand in a class that takes this role. `check_members`
walks all classes in the order of resolution and compares what it finds by identity; whatever is in
no list makes the piece step aside with a reason.

    members       whose code a class runs
    unchanged     whether it still is what was looked at
    own_code      code of a project's own that may run because nobody can tell
    views         the roles of view sets, pages and requests
    serializers   those of serializers, fields, validators and parsers
    models        those of models, columns, managers, query sets and signals
    listeners     those to signals of all models that do nothing for most of them
    database      those of a backend and its tables
    driver        psycopg 3, or why it is missing
    adapters      what psycopg makes values of texts with, and texts of values
    looked_at     what classes were found to be, looked at once
    changes       when one statement does all that a change is
    reasons       `StepAside`

All of it is looked at once for each class. What may change later costs next to nothing to look at:
`models.Silence` (who listens to signals) and `views.in_default_timezone`.
"""

from drf_speedups.eligibility.reasons import StepAside, switched_on, unless, wanted

__all__ = ["StepAside", "switched_on", "unless", "wanted"]

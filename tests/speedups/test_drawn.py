"""View sets drawn at random answer as stock, whatever they are made of.

The default run asks the known faults and a few others, always the same. FUZZ_EXAMPLES=3000 makes it
long and random.
"""

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from tests.speedups.library.conversing import differences
from tests.speedups.library.drawn import PARTS, Spec

pytestmark = pytest.mark.django_db(transaction=True, available_apps=["tests.speedups.library"])
EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
# Two thirds of the parts are plain: of many odd ones together only the first would be looked at.
specs = st.builds(Spec, **{
    kind: st.one_of(st.just(names[0]), st.just(names[0]), st.sampled_from(names))
    if kind != "model" else st.sampled_from(names)
    for kind, names in PARTS.items()
}).map(
    # Saving all columns, as stock does, fails with 500 at a NaN that nobody sent. `writes` saves
    # what was sent: where it may (not in `Old`, which it leaves to stock) a PATCH succeeds.
    lambda spec: replace(spec, model="Old") if spec.odd == "nan" else spec
)  # fmt: skip
ROWS = {
    "a decorator with wraps around list": Spec(around="refuse", wrapped="list"),
    "a decorator with wraps around destroy": Spec(around="refuse", wrapped="destroy"),
    "a decorator around dispatch": Spec(around="refuse", wrapped="dispatch"),
    "never_cache": Spec(around="never cache", wrapped="retrieve"),
    "condition": Spec(around="condition", wrapped="list"),
    "a mixin behind the pieces": Spec(mixin="door"),
    "pages by AutoField": Spec(model="AutoKey"),
    "pages by SmallAutoField": Spec(model="SmallKey"),
    "pages by BigIntegerField": Spec(model="GivenKey"),
    "CASE compared with a number": Spec(rows="case"),
    "Substr": Spec(rows="part"),
    "the sum of two values": Spec(rows="sum"),
    "a key of a JSONField": Spec(model="WithDocument", rows="document", fields="hidden document"),
    "from_db": Spec(model="OwnFromDb"),
    "__init__ of a model": Spec(model="OwnInit"),
    "a descriptor on a column": Spec(model="OwnDescriptor"),
    "from_db_value": Spec(model="SecretColumn"),
    "a JSONField in RETURNING": Spec(model="WithDocument", fields="method"),
    "NULL in a column declared not null": Spec(model="Old", odd="null"),
    "infinity": Spec(odd="infinity"),
    "years BC": Spec(odd="bc"),
    "another scale": Spec(model="Old", odd="scale"),
    "more digits": Spec(model="Old", odd="digits"),
    "not a number": Spec(model="Old", odd="nan"),
    "a key with a default": Spec(model="DefaultKey", fields="with key"),
    "a key with a default that is not shown": Spec(model="DefaultKey"),
    "a generated column": Spec(model="Computed"),
    "a generated column that is shown": Spec(model="Computed", fields="computed"),
    "a default that counts": Spec(model="Counted"),
    "a column of another name": Spec(model="Titled"),
    "a manager that hides rows from Django": Spec(model="Hiding"),
    "a default that can change": Spec(fields="loose default"),
    "fields changed when a view is made": Spec(mixin="fields"),
    "a field that remembers": Spec(fields="remembers"),
    "time zone and language of who asks": Spec(who="travels", may="counts"),
    "a time zone chosen last": Spec(mixin="abroad"),
    "a key that works once": Spec(who="once"),
    "counted calls": Spec(who="asks", may="counts"),
    "an authenticator that breaks": Spec(who="breaks"),
    "a promise inherited by other code": Spec(who="inherits", may="signed in"),
    "a promise": Spec(who="promises", may="signed in"),
    "a listener to post_save": Spec(signal="saved"),
    "a listener to post_init": Spec(signal="made"),
    "a column called url": Spec(model="WithUrl"),
    "a generic view of rows": Spec(kind="rows"),
    "a generic view of a row": Spec(kind="row"),
    "a view set that only reads": Spec(kind="read"),
    "an own create": Spec(mixin="create"),
    "own headers": Spec(mixin="located", who="asks"),
    "a header that looks at data": Spec(mixin="header"),
    "another query set for each view": Spec(mixin="only high"),
    "an own query set": Spec(model="OwnQuerySet"),
    "no rows at all": Spec(rows="none"),
}


@pytest.mark.parametrize("spec", ROWS.values(), ids=ROWS)
def test_a_known_case_goes_as_with_stock(spec):
    assert differences(spec) == []


@pytest.mark.timeout(0 if EXAMPLES else 120)
@how(
    max_examples=int(EXAMPLES or 8), derandomize=not EXAMPLES, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(specs)
def test_a_view_set_drawn_at_random_goes_as_with_stock(spec):
    assert differences(spec) == []

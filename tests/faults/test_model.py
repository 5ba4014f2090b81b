"""The API against a dictionary: whatever is done in whatever order, both hold the same items."""

import uuid

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)  # fmt: skip
from rest_framework.test import APIClient

from crud.models import Item

pytestmark = pytest.mark.django_db

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = TEXT.map(str.strip).filter(bool)
FIELDS = {
    "name": NAMES,
    "description": TEXT,
    "price": st.integers(0, 10**10 - 1).map(lambda cents: f"{cents // 100}.{cents % 100:02}"),
    "quantity": st.integers(0, 2**31 - 1),
}
REQUIRED, OPTIONAL = ("name", "price"), ("description", "quantity")
WHOLE = st.fixed_dictionaries(
    {name: FIELDS[name] for name in REQUIRED}, optional={name: FIELDS[name] for name in OPTIONAL}
)
SOME = st.fixed_dictionaries({}, optional=FIELDS)
DEFAULTS = {"description": "", "quantity": 0}


class Service(RuleBasedStateMachine):
    """Clients of the service, and what they know."""

    items = Bundle("items")  # keys, of rows that are there or were

    def __init__(self):
        super().__init__()
        Item.objects.all().delete()
        self.model = {}
        self.tags = {}
        self.client = APIClient(HTTP_HOST="testserver")

    def send(self, method, path, body=None, **headers):
        return getattr(self.client, method)(path, body, format="json", **headers)

    @rule(target=items, body=WHOLE, twice=st.booleans())
    def create(self, body, twice):
        key = {"HTTP_IDEMPOTENCY_KEY": uuid.uuid4().hex} if twice else {}
        answers = [self.send("post", "/items/", body, **key) for _ in range(1 + twice)]
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        made = answers[0].json()
        self.model[made["id"]] = DEFAULTS | body
        self.tags[made["id"]] = answers[0]["ETag"]
        return made["id"]

    @rule(body=SOME.filter(lambda body: not body.keys() >= set(REQUIRED)))
    def create_what_lacks_something(self, body):
        assert self.send("post", "/items/", body).status_code == 400

    @rule(item=items, body=WHOLE)
    def replace(self, item, body):
        self.changed(item, self.send("put", f"/items/{item}/", body), DEFAULTS | body)

    @rule(item=items, body=SOME)
    def change(self, item, body):
        new = self.model.get(item, {}) | body
        self.changed(item, self.send("patch", f"/items/{item}/", body), new)

    @rule(item=items, body=SOME, fresh=st.booleans())
    def change_what_was_seen(self, item, body, fresh):
        tag = self.tags.get(item, '"x"') if fresh else '"another"'
        answer = self.send("patch", f"/items/{item}/", body, HTTP_IF_MATCH=tag)
        if item in self.model and not fresh:
            assert answer.status_code == 412
        else:
            self.changed(item, answer, self.model.get(item, {}) | body)

    @rule(item=items)
    def delete(self, item):
        expected = 204 if item in self.model else 404
        assert self.send("delete", f"/items/{item}/").status_code == expected
        self.model.pop(item, None)

    @rule(item=items)
    def read(self, item):
        answer = self.client.get(f"/items/{item}/")
        assert answer.status_code == (200 if item in self.model else 404)
        if item in self.model:
            self.assert_is(answer.json(), self.model[item])
            assert answer["ETag"] == self.tags[item]

    @rule(limit=st.integers(1, 5))
    def read_all_pages(self, limit):
        seen, url = [], f"/items/?limit={limit}"
        while url:
            page = self.client.get(url).json()
            seen += page["results"]
            url = page["next"]
        assert [item["id"] for item in seen] == sorted(self.model, reverse=True)
        for item in seen:
            self.assert_is(item, self.model[item["id"]])

    @invariant()
    def the_table_holds_as_many(self):
        assert Item.objects.count() == len(self.model)

    def changed(self, item, answer, new):
        if item not in self.model:
            assert answer.status_code == 404
            return
        assert answer.status_code == 200
        self.assert_is(answer.json(), new)
        self.model[item] = new
        self.tags[item] = answer["ETag"]

    def assert_is(self, found, expected):
        assert {name: found[name] for name in FIELDS} == expected


def run(examples, steps):
    run_state_machine_as_test(Service, settings=settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=examples < 100,
        database=None, suppress_health_check=list(HealthCheck),
    ))  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_the_service_and_a_dictionary_agree():
    run(examples=4, steps=12)


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_they_agree_for_a_long_time():
    run(examples=400, steps=40)

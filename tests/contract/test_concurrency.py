"""Requests that meet each other at one row."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

ROUNDS = 10
NEW = {"name": "Desk", "price": "1"}


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(max_workers=4) as made:
        yield made


@pytest.fixture(params=range(ROUNDS))
def path(api, request):
    """An item for each round."""
    return f"/items/{api.post('/items/', json=NEW).json()['id']}/"


def at_once(pool, *calls):
    """Run all calls together; return their answers in the order of the calls."""
    start = Barrier(len(calls))

    def run(call):
        start.wait(timeout=30)
        return call()

    return list(pool.map(run, calls))


def test_two_patches_of_different_fields_both_survive(api, pool, path):
    answers = at_once(
        pool,
        lambda: api.patch(path, json={"quantity": 7}),
        lambda: api.patch(path, json={"description": "changed"}),
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    left = api.get(path).json()
    assert (left["quantity"], left["description"]) == (7, "changed")


def test_of_several_deletes_exactly_one_finds_the_row(api, pool, path):
    answers = at_once(pool, *[lambda: api.delete(path)] * 4)
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404]


def test_a_patch_racing_a_delete_never_revives_the_row(api, pool, path):
    patched, deleted = at_once(
        pool, lambda: api.patch(path, json={"quantity": 7}), lambda: api.delete(path)
    )
    assert patched.status_code in {200, 404}
    assert deleted.status_code == 204
    assert api.get(path).status_code == 404

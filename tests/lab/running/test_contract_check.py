import pytest

from lab.errors import LabError
from lab.experiments.targets import Target
from lab.running import contract_check
from lab.running.servers import Server
from tests.load.stub import Stub


def checked(stub, rows=50):
    with stub.serving():
        contract_check.check(Server(Target("stub", ()), stub.url, None, None), rows)


def test_what_keeps_the_contract_is_timed_and_its_table_is_as_before():
    stub = Stub(rows=50)
    before = dict(stub.items)
    checked(stub)
    assert stub.items == before


@pytest.mark.parametrize(("defect", "said"), [
    ("status", r"POST /items/ answered 202, not 201"),
    ("field", r"POST /items/ has other fields than created_at"),
    ("value", r"POST /items/ gave back another price: '0\.01'"),
    ("long", r"GET /items/\?limit=20 gave 40 items, not 20"),
    ("html", r"GET /items/1/ has other fields than"),
])  # fmt: skip
def test_what_breaks_the_contract_is_not_timed(defect, said):
    with pytest.raises(LabError, match=rf"stub is not timed, .*: {said}"):
        checked(Stub(rows=50, defects=frozenset({defect})))


def test_a_table_that_is_not_the_seeded_one_is_noticed():
    with pytest.raises(LabError, match="gave 7 items, not 20"):
        checked(Stub(rows=7))


def test_another_shape_of_answers_is_one_line():
    with pytest.raises(LabError, match="without a list in 'results'"):
        checked(Stub(rows=50, bare=True))

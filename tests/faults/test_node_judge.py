"""The judge of the node's faults suite sees what it is there for."""

import pytest

from tests.faults.node.customer import mismatch


@pytest.mark.parametrize(
    ("answered", "well"),
    [([1, 3], True), ([1], False), ([1, 3, 3], False), ([1, 3, 5], False)],
    ids=["each once", "one lost", "one doubled", "one that nobody asked for"],
)
def test_each_question_has_one_answer_or_it_is_told(answered: list[int], well: bool) -> None:
    turns = [{"role": "bot", "in_reply_to": seq} for seq in answered]
    assert (mismatch([1, 3], [*turns, {"role": "system", "in_reply_to": 1}]) == "") is well

from gitcoord.analysis.memory import Earlier, recall
from gitcoord.analysis.question import parse_question

EARLIER = [
    Earlier("w1", "a", "Tokens expire during login", "issue_token uses the wall clock", "ref:a"),
    Earlier("w2", "b", "The cart loses its prices", "rounding of money in cart.py", "ref:b"),
    Earlier("w3", "c", "Search is slow", "an index is missing on the orders table", "ref:c"),
]


def test_what_was_found_about_the_same_is_recalled() -> None:
    found = recall(parse_question("why does the token of a login expire early?"), EARLIER)
    assert [one.title for one in found] == ["Found before: Tokens expire during login"]
    assert 0 < found[0].confidence <= 0.6
    assert found[0].evidence[0].command == "git show 'ref:a'"


def test_what_is_about_something_else_is_not() -> None:
    assert recall(parse_question("why is the logo blurred on retina screens?"), EARLIER) == []


def test_an_empty_memory_says_nothing() -> None:
    assert recall(parse_question("why does login fail?"), []) == []

from typing import Any

from app.backend.deploy.platforms.railway.logs import line_of, newest


def raw(at: str, text: str, **tags: str) -> dict[str, Any]:
    return {"timestamp": f"2026-01-01T00:00:{at}Z", "message": text, "tags": tags}


def test_of_one_line_too_many_the_oldest_goes() -> None:
    lines = [raw("01", "one"), raw("02", "two"), raw("03", "three")]
    assert [one["message"] for one in newest(lines, 2)] == ["two", "three"]
    assert newest(lines, 0) == []


def test_lines_are_ordered_by_time_whatever_its_digits() -> None:
    lines = [raw("01.5", "third"), raw("01.25", "second"), raw("01", "first")]
    assert [one["message"] for one in newest(lines, 9)] == ["first", "second", "third"]


def test_a_line_that_is_told_twice_is_one() -> None:
    assert len(newest([raw("01", "one"), raw("01", "one")], 9)) == 1


def test_a_line_names_its_replica() -> None:
    line = line_of(raw("01.123456789", "hello\n", deploymentInstanceId="r1"))
    assert (line.replica, line.text, line.at.microsecond) == ("r1", "hello", 123456)
    assert line_of({**raw("01", "x"), "tags": None}).replica == "build"

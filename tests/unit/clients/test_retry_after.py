import pytest

from app.backend.clients.retry_after import LONGEST_HOLD, hold_of


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "17"}, 17),
        (503, {"retry-after": "2.5"}, 2.5),
        (529, {"retry-after": "1", "retry-after-ms": "250"}, 0.25),
        (429, {"retry-after-ms": "soon", "retry-after": "3"}, 3),
        (429, {"retry-after-ms": "nan"}, 0),
        (429, {"retry-after-ms": "-5"}, 0),
        (429, {"retry-after": "86400"}, LONGEST_HOLD),
        (
            503,
            {
                "retry-after": "Fri, 01 Jan 2027 00:00:30 GMT",
                "date": "Fri, 01 Jan 2027 00:00:00 GMT",
            },
            30,
        ),
        (429, {"retry-after": "Fri, 01 Jan 99999999999 00:00:00 GMT"}, 0),
        (429, {"retry-after": "Fri, 01 Jan 2027 00:00:00 +99999999999999"}, 0),
        (429, {}, 0),
        (200, {"retry-after": "17"}, 0),
    ],
)
def test_a_vendor_is_left_alone_for_as_long_as_it_asks(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    assert hold_of(status, headers) == seconds

import pytest

from app.backend.deploy.platforms.railway.naming import Named, the_one
from app.errors import TargetError

WEB, WEB2, API = Named("id-1", "web"), Named("id-2", "Web"), Named("id-3", "api")


def found(wanted: str, *choices: Named) -> Named:
    return the_one(choices, wanted, "service of shop", "PM33_RAILWAY_SERVICE")


@pytest.mark.parametrize("wanted", ["api", "API", "id-3", "ID-3"])
def test_a_name_in_any_case_or_an_id_finds_it(wanted: str) -> None:
    assert found(wanted, WEB, API) == API


def test_the_exact_name_comes_first() -> None:
    assert found("Web", WEB, WEB2) == WEB2
    assert found("web", WEB, WEB2) == WEB


def test_a_name_comes_before_an_id() -> None:
    assert found("id-1", WEB, Named("id-9", "ID-1")).id == "id-9"


def test_what_could_be_two_is_refused_with_both() -> None:
    with pytest.raises(TargetError, match="more than one") as refused:
        found("WEB", WEB, WEB2)

    assert "id-1, id-2" in str(refused.value)
    assert "PM33_RAILWAY_SERVICE" in refused.value.remedy


def test_what_there_is_not_is_refused_with_the_choices() -> None:
    with pytest.raises(TargetError, match="there are: api, web") as refused:
        found("db", WEB, API)

    assert refused.value.exit_code == 2
    with pytest.raises(TargetError, match="there are: none"):
        found("db")

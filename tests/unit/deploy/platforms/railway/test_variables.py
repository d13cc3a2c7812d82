from app.backend.deploy.platforms.railway.variables import readable, sealed_in


def test_what_railway_adds_to_one_deployment_alone_is_left_out() -> None:
    given = {"A": "1", "RAILWAY_DEPLOYMENT_ID": "d", "RAILWAY_PUBLIC_DOMAIN": "x"}
    assert readable(given, frozenset()) == {"A": "1", "RAILWAY_PUBLIC_DOMAIN": "x"}


def test_what_is_sealed_is_listed_without_its_value() -> None:
    found = readable({"A": "1", "B": "2"}, frozenset({"B", "C"}))
    assert found == {"A": "1", "B": None, "C": None}


def test_what_the_pipeline_has_cleared_is_not_there() -> None:
    given = {"PM33_MIGRATION_PLAN": "", "PM33_RUN": "a-run", "EMPTY": ""}
    assert readable(given, frozenset()) == {"EMPTY": ""}


def test_a_plan_that_is_set_is_there() -> None:
    assert readable({"PM33_MIGRATION_PLAN": "0"}, frozenset()) == {
        "PM33_MIGRATION_PLAN": "0"
    }


def test_only_the_services_own_variables_are_sealed_for_it() -> None:
    nodes = [
        {"name": "OURS", "isSealed": True, "serviceId": "web"},
        {"name": "OPEN", "isSealed": False, "serviceId": "web"},
        {"name": "THEIRS", "isSealed": True, "serviceId": "worker"},
    ]
    edges = [{"node": one} for one in nodes]
    answer = {"environment": {"variables": {"edges": edges}}}
    assert sealed_in(answer, "web") == {"OURS"}
    assert sealed_in({}, "web") == frozenset()

"""The simulator's API says no where Railway does, and in Railway's words (FACTS §1)."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.railway.authority import TokenKind
from tests.support.railway.caller import Caller, Told, calling
from tests.support.railway.mutations import MUTATIONS
from tests.support.railway.operations import operation_texts
from tests.support.railway.queries import QUERIES
from tests.support.railway.scenes import GOOD, NEXT, Stage, staged
from tests.support.railway.schema import railway_schema

NOBODY = str(uuid4())


def headers(told: Told) -> dict[str, int]:
    return {
        name: int(told.headers[f"x-ratelimit-{name}"])
        for name in ("limit", "remaining", "reset")
    }


async def bare(stage: Stage, **given: str) -> Told:
    """Asks with other headers than the caller's own."""
    caller = Caller(stage.caller.client, stage.simulator, {"user-agent": "x", **given})
    return await caller.ask("ProjectToken")


async def test_each_kind_of_token_goes_in_its_own_header() -> None:
    async with staged() as stage:
        tokens = {kind: stage.simulator.token(kind) for kind in TokenKind}
        project, account = tokens[TokenKind.PROJECT], tokens[TokenKind.ACCOUNT]
        assert (await bare(stage, **{"project-access-token": project})).data
        for wrong in (
            {"authorization": f"Bearer {project}"},
            {"authorization": f"Bearer {NOBODY}"},
            {"project-access-token": account},
            {},
        ):
            told = await bare(stage, **wrong)
            assert (told.status, told.message) == (200, "Not Authorized")
        told = await bare(stage, **{"project-access-token": NOBODY})
        assert (told.status, told.message) == (200, "Project Token not found")


@pytest.mark.parametrize(
    ("kind", "may"),
    [
        (TokenKind.PROJECT, {"ProjectToken"}),
        (TokenKind.WORKSPACE, {"ApiToken", "Projects"}),
        (TokenKind.ACCOUNT, {"ApiToken", "Projects", "Me"}),
    ],
)
async def test_a_token_tells_who_it_is_to_its_own_question(
    kind: TokenKind, may: set[str]
) -> None:
    async with staged() as stage, calling(stage.simulator, kind) as caller:
        for name in ("ProjectToken", "ApiToken", "Projects", "Me"):
            told = await caller.ask(name)
            assert ("errors" not in told.body) is (name in may), name
        assert (await caller.ask("ProjectNames", id=stage.simulator.project.id)).data


@pytest.mark.parametrize("foreign", [True, False])
async def test_ids_of_others_and_ids_of_nothing_are_told_alike(
    foreign: bool,  # noqa: FBT001 - a parameter
) -> None:
    async with staged() as stage:
        one = stage.simulator.world.foreign.id if foreign else NOBODY
        place = {**stage.caller.place, "projectId": stage.simulator.project.id}
        questions: list[tuple[str, dict[str, Any]]] = [
            ("ProjectNames", {"id": one}),
            ("Deployment", {"id": one}),
            ("Rollback", {"id": one}),
            ("Deploy", {**stage.caller.place, "serviceId": one}),
            ("Domains", {**place, "environmentId": one}),
            ("Deployments", {"input": {**place, "projectId": one}}),
            ("BuildLogs", {"deploymentId": one}),
        ]
        for name, variables in questions:
            told = await stage.caller.ask(name, **variables)
            assert (told.status, told.message) == (200, "Not Authorized"), name
        assert len(stage.simulator.deployments) == 1


async def test_what_is_no_uuid_is_a_problem() -> None:
    async with staged() as stage:
        for name, variables in (
            ("Deployment", {"id": "d1"}),
            ("Deploy", {**stage.caller.place, "serviceId": "web"}),
        ):
            told = await stage.caller.ask(name, **variables)
            assert told.status == 200
            assert told.message == "Problem processing request"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mutation { deploymentRollback(id: 1) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ projectToken { colour } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ projectToken {", "GRAPHQL_PARSE_FAILED"),
    ],
)
async def test_what_does_not_fit_the_schema_is_a_bad_request(
    text: str, code: str
) -> None:
    async with staged() as stage:
        told = await stage.caller.send(text)
        assert (told.status, told.code) == (400, code)


async def test_variables_that_do_not_fit_are_a_bad_request() -> None:
    async with staged() as stage:
        told = await stage.caller.ask("Deployment")
        assert (told.status, told.code) == (400, "BAD_USER_INPUT")


async def test_an_unknown_commit_deploys_nothing() -> None:
    async with staged() as stage:
        place = stage.caller.place
        told = await stage.caller.ask("Deploy", **place, commitSha="a" * 39)
        assert (told.status, told.message) == (200, "Commit not found")
        assert len(stage.simulator.deployments) == 1


async def test_pages_have_cursors() -> None:
    async with staged() as stage:
        await stage.simulator.deploys(NEXT)
        given = {"input": stage.caller.place, "first": 1}
        told = await stage.caller.ask("Deployments", **given)
        first = told.data["deployments"]
        assert first["pageInfo"]["hasNextPage"]
        after = first["pageInfo"]["endCursor"]
        told = await stage.caller.ask("Deployments", **given, after=after)
        second = told.data["deployments"]
        assert not second["pageInfo"]["hasNextPage"]
        commits = [
            edge["node"]["meta"]["commitHash"]
            for edge in (*first["edges"], *second["edges"])
        ]
        assert commits == [NEXT, GOOD]
        told = await stage.caller.ask("Deployments", **given, after="nonsense")
        assert told.message == "Problem processing request"


async def test_lists_are_filtered_by_status() -> None:
    async with staged() as stage:
        await stage.simulator.deploys(NEXT)
        for status, commits in (
            ({"in": ["SUCCESS"]}, [NEXT]),
            ({"notIn": ["SUCCESS"]}, [GOOD]),
        ):
            wanted = {**stage.caller.place, "status": status}
            told = await stage.caller.ask("Deployments", input=wanted)
            edges = told.data["deployments"]["edges"]
            assert [one["node"]["meta"]["commitHash"] for one in edges] == commits


async def test_logs_have_one_line_more_than_asked_for() -> None:
    async with staged() as stage:
        for number in range(10):
            stage.good.deploy_lines.write(f"line {number}")
        given = {"deploymentId": stage.good.id, "limit": 4}
        told = await stage.caller.ask("DeploymentLogs", **given)
        lines = told.data["deploymentLogs"]
        assert [one["message"] for one in lines] == [f"line {n}" for n in range(5, 10)]
        assert len({one["timestamp"] for one in lines}) == 5
        told = await stage.caller.ask("DeploymentLogs", **given, filter='"line 7"')
        assert [one["message"] for one in told.data["deploymentLogs"]] == ["line 7"]


async def test_limits_are_told_and_kept() -> None:
    # Slow enough that the hour lasts longer than the test.
    async with staged(plan="FREE", scale=0.01) as stage:
        before = headers(await stage.caller.ask("ProjectToken"))
        after = headers(await stage.caller.ask("ProjectToken"))
        assert before["limit"] == 100
        assert before["remaining"] - after["remaining"] == 1
        token = stage.simulator.token(TokenKind.PROJECT)
        stage.simulator.limits.spend(token, left=1)
        assert (await stage.caller.ask("ProjectToken")).status == 200
        told = await stage.caller.ask("ProjectToken")
        assert told.status == 429
        assert told.body["errors"]
        assert 1 <= int(told.headers["retry-after"]) <= 36
        assert headers(told)["remaining"] == 0


async def test_a_plan_has_a_rate_per_second() -> None:
    async with staged(plan="HOBBY") as stage:
        stage.simulator.world.clock.scale = 0.5
        statuses = [(await stage.caller.ask("ProjectToken")).status for _ in range(20)]
        assert statuses[:10] == [200] * 10
        assert 429 in statuses


async def test_the_bare_path_is_limited_by_the_network_in_front() -> None:
    async with staged() as stage:
        stage.simulator.world.clock.scale = 0.5
        stage.simulator.api_url = stage.simulator.api_url.partition("?")[0]
        told = [await stage.caller.ask("ProjectToken") for _ in range(20)]
        assert [one.status for one in told[:10]] == [200] * 10
        refused = [one for one in told if one.status == 429]
        assert refused
        assert refused[0].text == "error code: 1015"


async def test_nobody_is_served_without_a_user_agent() -> None:
    async with staged() as stage:
        told = await bare(stage, **{"user-agent": ""})
        assert (told.status, told.text) == (403, "error code: 1010")


def test_every_field_of_our_schema_is_answered() -> None:
    schema = railway_schema()
    assert schema.query_type
    assert schema.query_type.fields.keys() <= QUERIES.keys()
    assert schema.mutation_type
    assert schema.mutation_type.fields.keys() <= MUTATIONS.keys()


async def test_every_query_of_the_product_is_answered_in_full() -> None:
    async with staged() as stage:
        simulator = stage.simulator
        simulator.service.volume = "/data"
        simulator.gives(API_KEY="x")
        now = simulator.world.clock.told(simulator.world.clock.now())
        everything = {
            **stage.caller.place,
            "projectId": simulator.project.id,
            "workspaceId": simulator.world.workspace.id,
            "deploymentId": stage.good.id,
            "startDate": now,
            "endDate": now,
            "input": stage.caller.place,
            "edge": True,
        }
        async with calling(simulator, TokenKind.ACCOUNT) as account:
            for name, text in operation_texts().items():
                if not text.startswith("query"):
                    continue
                own = name == "ProjectToken"
                caller = stage.caller if own else account
                given = {k: v for k, v in everything.items() if f"${k}:" in text}
                if "$id:" in text:
                    of_project = name == "ProjectNames"
                    given["id"] = simulator.project.id if of_project else stage.good.id
                assert (await caller.send(text, **given)).data, name

from pathlib import Path

import pytest

from app.backend.config.environment import read_config
from app.backend.deploy.pipeline import make_plan
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.rotating.plan import RotationRequest, look
from app.errors import ConfigError, DeploymentNotFoundError
from tests.support.local_delivery import ENVIRONMENT, local_tools
from tests.support.local_delivery import request as to_deploy
from tests.support.local_platform import Repository, deployed, running_platform


async def test_the_next_deployments_variables_are_told_and_those_of_each_before(
    platform: LocalPlatform, repository: Repository
) -> None:
    old = await deployed(platform, repository.commit("old"))
    await platform.set_variables({"COLOUR": "red", "SHAPE": "a\nb"}, epoch=1)

    own = {"ENVIRONMENT": "development", "A_SECRET_KEY": "hunter2-hunter2"}
    assert await platform.variables() == {**own, "COLOUR": "red", "SHAPE": "a\nb"}
    assert await platform.variables(old.id) == {**own, "COLOUR": "blue"}
    with pytest.raises(DeploymentNotFoundError, match="dep-none"):
        await platform.variables("dep-none")


async def test_what_the_platform_gives_by_itself_is_set_but_nobody_elses_to_read(
    home: Path, repository: Repository
) -> None:
    async with running_platform(
        home, repository, database=True, environment="production"
    ) as platform:
        assert await platform.variables() == {
            "DATABASE_URL": None,
            "ENVIRONMENT": "production",
        }
        await platform.set_variables({"DATABASE_URL": "postgresql://x/y"}, epoch=1)
        assert (await platform.variables())["DATABASE_URL"] == "postgresql://x/y"


async def test_a_database_that_is_set_is_judged_and_the_platforms_own_comes_back(
    home: Path, repository: Repository
) -> None:
    name, commit = "DATABASE_URL", repository.commit("one")
    async with running_platform(home, repository, database=True) as platform:
        await deployed(platform, commit)
        tools = local_tools(read_config({"PM33_HOME": str(home)}), repository.path)
        request = RotationRequest(
            name=name, value="nonsense", environment=ENVIRONMENT, actor="test"
        )
        plan = await look(request, tools)
        assert [one.variable for one in plan.broken] == [name]
        assert plan.rotation.was_platforms

        await platform.set_variables({name: "nonsense"}, epoch=1)
        judged = await make_plan(to_deploy(commit), tools)
        assert any(name in one.text for one in judged.refusals)
        await platform.set_variables(plan.rotation.undo, epoch=1)
        assert (await platform.variables())[name] is None
        # Nobody has migrated this database, so that no lease is kept in it either.
        left = (await make_plan(to_deploy(commit), tools)).refusals
        assert [one.code for one in left] == ["no_lease"]


async def test_variables_that_cannot_be_read_are_refused_by_their_line(
    home: Path, platform: LocalPlatform
) -> None:
    (home / "platform" / "variables.env").write_text("A=1\nnonsense\n")

    with pytest.raises(ConfigError, match="line 2"):
        await platform.variables()

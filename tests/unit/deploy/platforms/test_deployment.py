import json
from datetime import UTC, datetime

from app.backend.deploy.platforms.deployment import (
    Deployment,
    DeploymentStatus,
    ServiceSettings,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_deployment_is_the_same_after_json() -> None:
    one = Deployment(
        id="d1",
        commit="a" * 40,
        status=DeploymentStatus.REMOVED,
        created_at=AT,
        image="sha256:1",
        retained_until=AT,
        ran_with=ServiceSettings(start_command="serve", overlap_seconds=20),
    )
    assert Deployment.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_what_an_earlier_version_has_written_down_can_be_read() -> None:
    old = {"id": "d1", "commit": "a", "status": "SUCCESS", "created_at": AT.isoformat()}
    assert Deployment.from_dict(old).retained_until is None

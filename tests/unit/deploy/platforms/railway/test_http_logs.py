import pytest

from app.backend.deploy.platforms.railway.http_logs import line_of

TOLD = {
    "timestamp": "2026-01-01T00:00:00Z",
    "method": "POST",
    "httpStatus": 204,
    "totalDuration": 12,
}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/pay?card=4242", "/pay"),
        ("/api/hooks/railway/a-canary", "/api/hooks/railway/…"),
        ("/ops/api/hooks/railway/a%2Fcanary/x", "/ops/api/hooks/railway/…"),
        ("/api/hooks/railways", "/api/hooks/railways"),
    ],
)
def test_what_is_secret_in_a_path_is_not_told(path: str, shown: str) -> None:
    assert line_of({**TOLD, "path": path}).text == f"POST {shown} 204 12 ms"

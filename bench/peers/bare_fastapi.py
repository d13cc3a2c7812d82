"""The smallest FastAPI application: what its start and its memory are compared with."""

from fastapi import FastAPI

__all__ = ["app"]

app = FastAPI()


@app.get("/live")
async def live() -> dict[str, str]:
    """The only route."""
    return {"status": "healthy"}

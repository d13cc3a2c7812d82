"""What an earlier process of a run may have asked for without learning what came."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.backend.deploy.platforms.earlier import asked_before
from app.backend.deploy.running.run import Run

__all__ = ["looking_first"]


@contextmanager
def looking_first(run: Run, step: str) -> Iterator[None]:
    """Within it a platform looks, for as long as it has to, before it is asked again.

    Args:
        run: that goes on.
        step: whose intention was written down before the platform was asked.
    """
    state = run.state.step(step)
    if run.left_at is None or state is None or state.attempt == 1:
        yield
        return
    since = (run.tools.now() - run.left_at).total_seconds()
    run.detail("an earlier process may have asked for it; that is looked for first")
    # Who was killed may have asked for as long as the lease went on.
    with asked_before(max(0.0, min(since, run.guard.lapsed))):
        yield

"""Asks each configured service once, all at the same time, within ten seconds."""

import asyncio
import os
import time
from collections.abc import Sequence

import httpx

from app.backend.health.models import CheckResult, Failure
from app.cli.env.loop import LeavingLoop
from app.cli.env.questions import ALTOGETHER, Question
from app.cli.env.verdicts import Asked

__all__ = ["ask_all", "within_reach"]

_FAREWELL = 0.5


def ask_all(
    questions: Sequence[Question], *, altogether: float = ALTOGETHER
) -> tuple[Asked, ...]:
    """Asks all of them at once and waits for the last, but no longer than that.

    What is on Railway's private network is not asked from anywhere else.

    Args:
        questions: in the order of the answers.
        altogether: seconds.
    """
    with asyncio.Runner(loop_factory=LeavingLoop) as runner:
        return runner.run(_gathered(questions, altogether))


def within_reach(question: Question) -> bool:
    """Whether it leads anywhere from here: private networks end where they are.

    ``railway run`` lends a process the variables, but not the network.
    """
    private = question.host.endswith(".railway.internal")
    return not private or bool(os.environ.get("RAILWAY_REPLICA_ID"))


async def _gathered(
    questions: Sequence[Question], altogether: float
) -> tuple[Asked, ...]:
    if not questions:
        return ()
    async with httpx.AsyncClient(timeout=altogether) as client:
        tasks = [asyncio.create_task(_asked(one, client)) for one in questions]
        _, late = await asyncio.wait(tasks, timeout=altogether)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_FAREWELL)
        return tuple(
            _given_up(question, altogether) if task in late else task.result()
            for task, question in zip(tasks, questions, strict=True)
        )


async def _asked(question: Question, client: httpx.AsyncClient) -> Asked:
    if not within_reach(question):
        return Asked(question=question, result=None)
    began = time.monotonic()
    try:
        result = await question.ask(client)
    except Exception as error:  # noqa: BLE001 - one that breaks must not hide the rest
        result = CheckResult.unhealthy(
            Failure.INTERNAL,
            # The kind alone: its words may quote what was sent.
            f"{question.service} could not be asked ({type(error).__name__})",
            remedy=f"see whether the value of {question.variables[0]} is whole",
        )
    return Asked(
        question=question,
        result=result or CheckResult.skipped("not configured"),
        seconds=time.monotonic() - began,
    )


def _given_up(question: Question, after: float) -> Asked:
    result = CheckResult.unhealthy(
        Failure.TIMEOUT,
        f"{question.service} has not answered within {after:g} s",
        remedy="see whether this machine may reach it",
    )
    return Asked(question=question, result=result, seconds=after)

"""What is found out before a deploy, by looking at the service as it stands. Pure.

The codes are stable. Only what makes a deploy pointless is an error: a service that
loses requests at each switch works, and its owner may have chosen that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.backend.deploy.platforms.concern import Concern
from app.backend.deploy.platforms.railway.deployments import RETENTION_HOURS
from app.backend.deploy.platforms.railway.keys import Values, in_words, with_defaults
from app.backend.deploy.platforms.railway.stored import differences, effective
from app.backend.deploy.platforms.railway.tokens import TokenKind

__all__ = ["HEALTH_PATH", "LOST", "Setup", "judge"]

HEALTH_PATH: Final = "/api/health/startup"
"""Railway's probe asks it once, at the deploy: our startup gate (contract §2)."""

LOST: Final = "requests_will_be_lost"
_OVERLAP: Final = "overlapSeconds"
_DRAIN: Final = "drainingSeconds"
_VARIABLES: Final = {
    _OVERLAP: "RAILWAY_DEPLOYMENT_OVERLAP_SECONDS",
    _DRAIN: "RAILWAY_DEPLOYMENT_DRAINING_SECONDS",
}
_IF_ZERO: Final = {
    _OVERLAP: "the old release is told to stop as the new one takes over",
    _DRAIN: "requests under way are killed with it at once",
}
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The service as it stands before a deploy.

    Attributes:
        wanted: what the commit's ``railway.toml`` says.
        stored: what Railway has stored, without defaults.
        serving: what the release that serves was made with, without defaults; None:
            nothing serves, or it does not tell.
        variables: of the next deployment; None: sealed. Values are looked at, and
            never told.
        volumes: where volumes are mounted; None: it is not known.
        domains: each with the port that it is told to go to; None: Railway finds it.
        autodeploy: whether a push deploys by itself; None: it is not known.
        plan: the subscription, in lower case; None: it is not known.
        bake: seconds for which a release is watched; None: as long as always.
        token: whose it is that the pipeline uses.
        image: what the service is made from; None: from a repository, or not known.
    """

    wanted: Values
    stored: Values
    serving: Values | None = None
    variables: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    volumes: Sequence[str] | None = ()
    domains: Sequence[tuple[str, int | None]] = ()
    autodeploy: bool | None = False
    plan: str | None = None
    bake: float | None = None
    token: TokenKind = TokenKind.WORKSPACE
    image: str | None = None

    @property
    def next(self) -> Values:
        """What the next deployment is made with, with defaults."""
        return effective(with_defaults(self.stored), self.wanted)

    @property
    def said(self) -> Values:
        """The same without defaults."""
        return effective(self.stored, self.wanted)


def judge(setup: Setup) -> tuple[Concern, ...]:
    """Everything that the reader should know before it begins."""
    return tuple(concern for look in _LOOKS for concern in look(setup))


def _source(setup: Setup) -> Iterator[Concern]:
    if setup.image:
        yield Concern(
            "image_source",
            "error",
            f"the service is made from an image ({setup.image}): no commit is built for"
            " it",
            "connect it to its repository in the service's settings at Railway, or"
            " name another one with PM33_RAILWAY_SERVICE",
        )


def _cron(setup: Setup) -> Iterator[Concern]:
    if schedule := setup.next["cronSchedule"]:
        yield Concern(
            "cron",
            "error",
            f"the service runs by a schedule ({schedule}): between two runs nothing"
            " answers, so that no release can be seen to be well",
            "take cronSchedule away, or give the job a service of its own",
        )


def _requests(setup: Setup) -> Iterator[Concern]:
    if setup.volumes:
        # No setting helps there; its own finding says so.
        return
    lost, unsure = list[str](), list[str]()
    for name, variable in _VARIABLES.items():
        given = setup.variables.get(variable)
        said = _seconds(setup.said.get(name), given)
        if not max(said):
            lost.append(f"{name} is 0: {_IF_ZERO[name]}")
        elif not min(said):
            unsure.append(f"{name} is {said[0]:g} and {variable} {said[1]:g}")
        elif setup.serving is not None and not max(
            _seconds(setup.serving.get(name), given)
        ):
            unsure.append(f"{name} was 0 when what serves was made")
    if lost:
        yield Concern(
            LOST,
            "warning",
            f"requests will be lost at the switch: {'; '.join(lost)}",
            "set overlapSeconds and drainingSeconds under [deploy] in railway.toml,"
            " to 20 and 30 say",
        )
    if unsure:
        yield Concern(
            LOST,
            "warning",
            f"requests may be lost at this switch: {'; '.join(unsure)}; which of the"
            " two counts is not documented",
            "a value that was stored just now counts for sure from the next switch on;"
            " of setting and variable, let both say the same",
        )


def _seconds(setting: int | None, variable: str | None) -> tuple[float, ...]:
    """What is said of a time, by the setting and by the variable of its meaning."""
    try:
        said = max(0.0, float(variable)) if variable is not None else None
    except ValueError:
        said = None
    if setting is None:
        return (said or 0.0,)
    return (float(setting),) if said is None else (float(setting), said)


def _volume(setup: Setup) -> Iterator[Concern]:
    if setup.volumes is None:
        yield Concern(
            "volume",
            "info",
            "whether the service has a volume cannot be told; with one, releases do not"
            " overlap",
        )
    elif setup.volumes:
        where = ", ".join(setup.volumes)
        yield Concern(
            "volume",
            "warning",
            f"the service has a volume ({where}): Railway stops the old release before"
            " the new one starts, and requests are lost in between",
            "keep what is on it in a database or an object store",
        )


def _serverless(setup: Setup) -> Iterator[Concern]:
    if setup.next["sleepApplication"]:
        yield Concern(
            "serverless",
            "warning",
            "the service may be put to sleep (sleepApplication): the first request"
            " after that may be answered 502",
            "set sleepApplication = false under [deploy] in railway.toml",
        )


def _health_path(setup: Setup) -> Iterator[Concern]:
    path = setup.next["healthcheckPath"]
    remedy = f'set healthcheckPath = "{HEALTH_PATH}" under [deploy] in railway.toml'
    if path is None:
        yield Concern(
            "no_health_path",
            "warning",
            "there is no healthcheckPath: users' requests go to a release as soon as"
            " its process has started",
            remedy,
        )
    elif path.partition("?")[0].rstrip("/") != HEALTH_PATH:
        yield Concern(
            "foreign_health_path",
            "warning",
            f"healthcheckPath is {path}, not the startup gate: it may hold an old"
            " release back in an outage, or let one in that cannot work",
            remedy,
        )


def _target_port(setup: Setup) -> Iterator[Concern]:
    port = setup.variables.get("PORT")
    wrong = [
        f"{domain} goes to {target}"
        for domain, target in setup.domains
        if port and target is not None and str(target) != port.strip()
    ]
    if wrong:
        yield Concern(
            "target_port",
            "warning",
            f"{', '.join(wrong)}, and the service listens on its PORT, another one:"
            " Railway's own probe does not see that, users would be answered 502",
            "give the domain the service's PORT, or take PORT away",
        )


def _autodeploy(setup: Setup) -> Iterator[Concern]:
    if setup.autodeploy is None:
        yield Concern(
            "autodeploy",
            "warning",
            "whether a push deploys by itself cannot be told; one would overtake this"
            " run",
            "see that nobody pushes meanwhile, or use a token that may ask",
        )
    elif setup.autodeploy:
        yield Concern(
            "autodeploy",
            "info",
            "pushes deploy by themselves; that is switched off for this run, and on"
            " again at its end",
        )


def _retention(setup: Setup) -> Iterator[Concern]:
    hours = RETENTION_HOURS.get(setup.plan or "")
    if hours is None:
        return
    text = f"an image is kept for {hours} h after its deployment was replaced"
    if setup.bake is not None and setup.bake >= hours * _HOUR:
        yield Concern(
            "retention",
            "warning",
            f"{text} ({setup.plan}), and the release is watched for longer: it could"
            " not be undone to the end",
            "watch it for a shorter time",
        )
    else:
        yield Concern("retention", "info", f"{text} ({setup.plan}), and can come back")


def _token(setup: Setup) -> Iterator[Concern]:
    """Whether a project's token may call deploymentRollback nobody has told (FACTS)."""
    if setup.token is TokenKind.PROJECT and setup.serving is not None:
        yield Concern(
            "token_may_not_roll_back",
            "info",
            "whether Railway lets a project's token roll back is not documented: if it"
            " does not, the way back is built anew, which takes longer",
            "a workspace's token may for sure: RAILWAY_API_TOKEN, with"
            " PM33_RAILWAY_PROJECT, and RAILWAY_TOKEN unset, which would be used first",
        )


def _differing(setup: Setup) -> Iterator[Concern]:
    told = [
        f"{one.name} {in_words(one.found)} -> {in_words(one.wanted)}"
        for one in differences(setup.wanted, with_defaults(setup.stored))
    ]
    if told:
        yield Concern(
            "settings_applied",
            "info",
            f"railway.toml differs from what Railway has stored, and is stored with"
            f" this deploy: {'; '.join(told)}",
        )


_LOOKS: Final[tuple[Callable[[Setup], Iterator[Concern]], ...]] = (
    _source,
    _cron,
    _requests,
    _volume,
    _serverless,
    _health_path,
    _target_port,
    _autodeploy,
    _retention,
    _token,
    _differing,
)

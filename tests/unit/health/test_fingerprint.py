from dataclasses import dataclass

from app.backend.config.environment import read_config
from app.backend.health.checks.vendor_check import VendorCheck, vendor_checks
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.fingerprint import fingerprint_of
from app.backend.health.models import CheckResult
from app.backend.health.registry import FunctionCheck
from tests.support.health import OK

SECRET = "sk-live-0123456789"
KEY = b"a key of all replicas"


@dataclass
class Subject:
    subject: str
    name: str = "ledger"

    async def probe(self) -> CheckResult:
        return OK


def print_of(subject: str, key: bytes = KEY, name: str = "ledger") -> str:
    return fingerprint_of(Subject(subject, name), key=key, otherwise="a release")


def vendor(name: str, **variables: str) -> VendorCheck:
    config = read_config({"ENVIRONMENT": "staging"} | variables)
    [found] = [
        one for one in vendor_checks(VENDORS, config, VendorPool()) if one.name == name
    ]
    return found


def test_it_depends_on_all_that_an_answer_depends_on_and_on_nothing_else() -> None:
    same = print_of(SECRET)

    assert print_of(SECRET) == same
    assert print_of(SECRET + "x") != same
    assert print_of(SECRET, b"another") != same
    assert print_of(SECRET, name="other") != same
    assert SECRET not in same


def test_a_check_that_does_not_say_what_it_asks_is_shared_within_a_release() -> None:
    check = FunctionCheck("ledger", lambda: OK)
    first, again, second = (
        fingerprint_of(check, key=KEY, otherwise=release)
        for release in ("d-1 c0ffee", "d-1 c0ffee", "d-2 beef")
    )
    assert first == again != second


def test_a_vendor_is_the_same_by_its_credential_address_and_environment() -> None:
    mine = vendor("openai", OPENAI_API_KEY=SECRET).subject
    others = (
        {"OPENAI_API_KEY": "sk-rotated"},
        {"OPENAI_API_KEY": SECRET, "HEALTH_OPENAI_BASE_URL": "http://127.0.0.1:1"},
        {"OPENAI_API_KEY": SECRET, "ENVIRONMENT": "production"},
    )

    assert (
        vendor("openai", OPENAI_API_KEY=SECRET, STRIPE_SECRET_KEY="sk").subject == mine
    )
    for variables in others:
        assert vendor("openai", **variables).subject != mine


def test_one_replica_asks_vendors_for_all_where_there_is_something_to_ask() -> None:
    assert vendor("openai", OPENAI_API_KEY=SECRET).calls == 1
    assert vendor("openai").calls == 0
    assert VendorCheck.once_per_fleet

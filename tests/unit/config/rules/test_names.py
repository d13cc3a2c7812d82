import pytest

from app.backend.config.rules.known import KNOWN
from app.backend.config.rules.names import meant_by


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ANTROPIC_API_KEY", "ANTHROPIC_API_KEY"),
        ("ANTHROPIC_API_KEY_FIEL", None),
        ("ANTROPIC_API_KEY_FILE", "ANTHROPIC_API_KEY_FILE"),
        ("OPENAI_APIKEY", "OPENAI_API_KEY"),
        ("OPEN_AI_API_KEY", "OPENAI_API_KEY"),
        ("anthropic_api_key", "ANTHROPIC_API_KEY"),
        ("secret_key_file", "SECRET_KEY_FILE"),
        ("SENTRY_DNS", "SENTRY_DSN"),
        ("STRIPE_PUBLISHABEL_KEY", "STRIPE_PUBLISHABLE_KEY"),
        ("STRIPE_PUBLSHABL_KEY", "STRIPE_PUBLISHABLE_KEY"),
        ("STRIPE_WEBHOK_SECRET", "STRIPE_WEBHOOK_SECRET"),
        ("ALLOWED_HOST", "ALLOWED_HOSTS"),
        ("ENVIROMENT_NAME", None),
        ("DB_POOLSIZE", "DB_POOL_SIZE"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("PM33_SLACK_WEBHOOKS", "PM33_SLACK_WEBHOOK"),
        ("HEALTH_OPENAI_TIMOUT", "HEALTH_OPENAI_TIMEOUT"),
        ("HEALTH_OPENAI_BASEURL", "HEALTH_OPENAI_BASE_URL"),
        ("HEALTH_MY_OWN_MIN_TIEM", "HEALTH_MY_OWN_MIN_TIME"),
        ("HEALTH_GATE_GRAEC", "HEALTH_GATE_GRACE"),
        ("ENVIROMENT", "ENVIRONMENT"),
        ("ENVIRONMET", "ENVIRONMENT"),
        ("PM33_DEFAULT_ENVIROMENT", "PM33_DEFAULT_ENVIRONMENT"),
        ("RAILWAY_DEPLOYMENT_DRAINING_SECOND", "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"),
        ("RAILWAY_TOKN", "RAILWAY_TOKEN"),
        ("RAILWAY_API_TOKNE", "RAILWAY_API_TOKEN"),
        ("OPENAI_API_KY", "OPENAI_API_KEY"),
        ("SECRET_KY", "SECRET_KEY"),
        ("SENTRY_DS", "SENTRY_DSN"),
    ],
)
def test_a_slip_is_recognised(name: str, meant: str | None) -> None:
    assert meant_by(name) == meant


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "HOST", "POST", "PORTS", "DEBUGS", "LANG", "LC_ALL", "_"),
        *("PGHOST", "PGPORT", "PGPASSWORD", "POSTGRES_URL", "DATABASE_URL_2"),
        *("DATABASE2_URL", "DATABASE_URL2", "DATABASE_URI", "REDIS_URI", "REDIS_HOST"),
        *("RAILWAY_SERVICE_ID", "RAILWAY_PROJECT_NAME", "RAILWAY_ENVIRONMENT_ID"),
        *("RAILWAY_ENVIRONMENT", "RAILWAY_PROJECT_ID", "RAILWAY_SERVICE_NAMES_URL"),
        *("RAILWAY_GIT_BRANCH", "RAILWAY_GIT_AUTHOR", "RAILWAY_GIT_REPO_NAME"),
        *("RAILWAY_GIT_COMMIT_MESSAGE", "RAILWAY_GIT_REPO_OWNER", "RAILWAY_RUN_UID"),
        *("RAILWAY_TCP_PROXY_DOMAIN", "RAILWAY_TCP_PROXY_PORT", "RAILWAY_STATIC_URL"),
        *("RAILWAY_TCP_APPLICATION_PORT", "RAILWAY_SNAPSHOT_ID", "RAILWAY_REGION"),
        *("RAILWAY_VOLUME_NAME", "RAILWAY_VOLUME_MOUNT_PATH", "RAILWAY_VOLUME_ID"),
        *("RAILWAY_HEALTHCHECK_TIMEOUT_SEC", "RAILWAY_DOCKERFILE_PATH"),
        *("ENV", "ENVIRON", "NODE_ENV", "APP_ENVIRONMENT", "ENVIRONMENT_NAME"),
        *("SENTRY_DEBUG", "SENTRY_SDK", "SECRET_ID", "OPENAI_API_BASE", "DB_SSL"),
        *("SENTRY_URL", "SENTRY_RELEASE", "SENTRY_ENVIRONMENT", "OPENAI_ORG_ID"),
        *("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "STRIPE_API_KEY", "STRIPE_KEY"),
        *("NEXT_PUBLIC_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY", "SUPABASE_KEY"),
        *("POSTHOG_API_KEY", "SECRET_KEY_BASE", "JWT_ISSUER", "JWT_SECRET_FILE"),
        *("SLACK_WEBHOOK_URL", "GITHUB_TOKEN", "HEALTHCHECK_URL", "HEALTH_PATH"),
        *("PM33_BILLING_URL", "PM33_HOST", "PM33_PORT", "PM33_MOUNTS_PER_DAY"),
        *("PINECONE_HOST", "RESEND_DOMAIN", "VIRTUAL_ENV", "PYTHONPATH", "TERM"),
        *("SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "DB_SSL_CERT", "DB_HOST", "DB_NAME"),
        *("HEALTH_OPENAI_TIMEOUT", "HEALTH_ANYTHING_BASE_URL", "TOGETHER_API_KEYS"),
    ],
)
def test_somebody_else_s_variable_is_left_alone(name: str) -> None:
    assert meant_by(name) is None


@pytest.mark.parametrize("name", KNOWN)
def test_no_known_name_is_taken_for_another(name: str) -> None:
    assert meant_by(name) is None


@pytest.mark.parametrize("name", [one for one in KNOWN if one.endswith("_API_KEY")])
def test_any_letter_of_the_vendor_may_be_missing(name: str) -> None:
    vendor, _, rest = name.partition("_")
    for place in range(len(vendor)):
        slip = f"{vendor[:place]}{vendor[place + 1 :]}_{rest}"
        assert meant_by(slip) == name

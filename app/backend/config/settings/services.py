"""Settings of the vendors that the application uses."""

from pydantic import Field, SecretStr

from app.backend.config.settings.values import Group, Names, signing_keys

__all__ = ["AiSettings", "PineconeSettings", "ServiceSettings"]


class AiSettings(Group):
    """Keys of the AI providers."""

    anthropic_api_key: SecretStr | None = Field(
        None,
        alias="ANTHROPIC_API_KEY",
        description="API key of Anthropic; begins with sk-ant-.",
    )
    openai_api_key: SecretStr | None = Field(
        None,
        alias="OPENAI_API_KEY",
        description="API key of OpenAI; begins with sk-.",
    )
    together_api_key: SecretStr | None = Field(
        None, alias="TOGETHER_API_KEY", description="API key of Together AI."
    )
    together_project_id: str | None = Field(
        None,
        alias="TOGETHER_PROJECT_ID",
        description="Project at Together AI that the key belongs to.",
    )


class PineconeSettings(Group):
    """The vector database."""

    api_key: SecretStr | None = Field(
        None, alias="PINECONE_API_KEY", description="API key of Pinecone."
    )
    environment: str | None = Field(
        None,
        alias="PINECONE_ENVIRONMENT",
        description="Environment of a pod-based Pinecone index, such as "
        "us-west1-gcp-free; serverless ones have none.",
    )
    index: str | None = Field(
        None, alias="PINECONE_INDEX", description="Name of the Pinecone index."
    )


class ServiceSettings(Group):
    """Supabase, Resend, Stripe, and the cache."""

    supabase_url: str | None = Field(
        None,
        alias="SUPABASE_URL",
        description="URL of the Supabase project, as in https://ref.supabase.co.",
    )
    supabase_anon_key: SecretStr | None = Field(
        None,
        alias="SUPABASE_ANON_KEY",
        description="Key of Supabase for browsers: the JWT whose role is anon, or one "
        "that begins with sb_publishable_.",
    )
    supabase_service_role_key: SecretStr | None = Field(
        None,
        alias="SUPABASE_SERVICE_ROLE_KEY",
        description="Key of Supabase that passes over row security: the JWT whose role "
        "is service_role, or one that begins with sb_secret_.",
    )
    resend_api_key: SecretStr | None = Field(
        None,
        alias="RESEND_API_KEY",
        description="API key of Resend; begins with re_.",
    )
    stripe_secret_key: SecretStr | None = Field(
        None,
        alias="STRIPE_SECRET_KEY",
        description="Secret or restricted key of Stripe; begins with sk_ or rk_, and "
        "is a live one in production only.",
    )
    stripe_publishable_key: str | None = Field(
        None,
        alias="STRIPE_PUBLISHABLE_KEY",
        description="Publishable key of Stripe; begins with pk_, of the same mode as "
        "the secret one.",
    )
    stripe_webhook_secret: SecretStr | None = Field(
        None,
        alias="STRIPE_WEBHOOK_SECRET",
        description="Secret that Stripe signs its webhooks with; begins with whsec_.",
    )
    stripe_webhook_secret_previous: SecretStr | None = Field(
        None,
        alias="STRIPE_WEBHOOK_SECRET_PREVIOUS",
        description="The webhook secret before the last rotation, accepted as long as "
        "Stripe still signs with it.",
    )
    redis_url: SecretStr | None = Field(
        None,
        alias="REDIS_URL",
        description="URL of the cache, as in redis://host:6379/0; rediss:// encrypts.",
    )
    disabled: Names = Field(
        (),
        alias="PM33_DISABLED_SERVICES",
        description="Services that this installation does without, such as pinecone; "
        "their variables are not required.",
    )

    def uses(self, service: str) -> bool:
        """Whether it is in use: ``PM33_DISABLED_SERVICES`` does not name it."""
        return service not in {one.lower() for one in self.disabled}

    @property
    def stripe_webhook_secrets(self) -> tuple[SecretStr, ...]:
        """All that a webhook's signature may come from, the newest first."""
        return signing_keys(
            self.stripe_webhook_secret, self.stripe_webhook_secret_previous
        )

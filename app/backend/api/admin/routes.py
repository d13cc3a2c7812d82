"""The visible list of what there is below ``/api/admin``."""

from fastapi import APIRouter, Depends

from app.backend.api.admin.access import PREFIX, admission
from app.backend.api.admin.deployments import deployments_router
from app.backend.api.admin.documents import TOKEN
from app.backend.api.admin.migrations import migrations_router
from app.backend.api.admin.operations import Operations, operations_router
from app.backend.api.admin.rollbacks import rollbacks_router
from app.backend.api.tokens import TokenCheck
from app.backend.config.environment import Config

__all__ = ["admin_router"]


def admin_router(config: Config, operations: Operations) -> APIRouter:
    """Every admin route; each asks for the token, whatever stands before it."""
    admitted = Depends(admission(TokenCheck.of(config)))
    router = APIRouter(prefix=PREFIX, tags=["admin"], dependencies=[TOKEN, admitted])
    router.include_router(migrations_router(config, operations))
    router.include_router(deployments_router(config))
    router.include_router(rollbacks_router(config, operations))
    router.include_router(operations_router(operations))
    return router

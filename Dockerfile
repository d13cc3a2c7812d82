# syntax=docker/dockerfile:1
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY migrations migrations
RUN pip install --no-cache-dir hatchling \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation -w dist . \
    && /venv/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.12-slim
# Strict where neither ENVIRONMENT nor the platform says what this is.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PM33_DEFAULT_ENVIRONMENT=production
RUN useradd --system --uid 10001 --home-dir /srv --create-home pm33
COPY --from=build /venv /venv
WORKDIR /srv
USER pm33
EXPOSE 8000
# Exec form, so that SIGTERM reaches the service itself (a shell would swallow it).
# PORT is read by the service; an exec form would not expand it.
CMD ["pm33", "serve"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD pm33 health --url "http://127.0.0.1:${PORT:-8000}/api/health/live"

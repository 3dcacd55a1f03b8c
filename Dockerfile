FROM python:3.13.9-slim-trixie AS build
WORKDIR /build
RUN python3 -m venv /opt/tickdeck
# The dependencies are a layer of their own: it changes with the lock only.
COPY requirements.lock .
RUN /opt/tickdeck/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY db db
COPY feeds feeds
COPY migrations migrations
COPY tickdeck tickdeck
RUN /opt/tickdeck/bin/pip install --no-deps --no-index --no-build-isolation . \
    && /opt/tickdeck/bin/pip uninstall --yes --quiet hatchling editables trove-classifiers pip \
    && find /opt/tickdeck -name tests -path '*-packages/*/tests' -prune -exec rm -r {} +

FROM python:3.13.9-slim-trixie
RUN useradd --system --uid 10001 --user-group --no-create-home tickdeck \
    && install -d -o tickdeck -g tickdeck /var/lib/tickdeck
COPY --from=build /opt/tickdeck /opt/tickdeck
COPY deploy/make-secrets deploy/migrate /usr/local/bin/
ENV PATH=/opt/tickdeck/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    TICKDECK_DATA_DIR=/var/lib/tickdeck TICKDECK_HOST=0.0.0.0 TICKDECK_PORT=8050 TICKDECK_LOG_FORMAT=json
USER tickdeck
WORKDIR /var/lib/tickdeck
EXPOSE 8050
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8050/healthz', timeout=3)"]
ENTRYPOINT ["tickdeck"]
CMD ["serve"]

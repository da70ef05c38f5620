"""Streamboard's settings, and the only reader of the environment. Rules between settings are system checks
(project/checks.py); a single value that cannot be used stops the start here, with its name and what is allowed."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from project import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.boolean("DEBUG", default=False)


def secret_key() -> str:
    """SECRET_KEY; while developing one is made once beside manage.py, which other management commands then use too."""
    if value := env.text("SECRET_KEY"):
        return value
    path = BASE_DIR / ".secret_key"
    is_command = Path(sys.argv[0]).name == "manage.py" and sys.argv[1:2] != ["runserver"]
    if path.is_file() and (DEBUG or is_command):
        return path.read_text().strip()
    if DEBUG:
        value = secrets.token_urlsafe(50)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
        return value
    raise ImproperlyConfigured(
        "SECRET_KEY is not set: it is required unless DEBUG is true. Make one with: "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )


SECRET_KEY = secret_key()
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
# Whose X-Forwarded-* headers count: uvicorn reads the same variable; here it is only looked at (project/checks.py).
FORWARDED_ALLOW_IPS = env.comma_list("FORWARDED_ALLOW_IPS", "127.0.0.1")

# Only `make run` on a loopback address sets this: the demo account can sign in, the sign-in page shows it, and the
# demo topic is replayed into the embedded broker.
DEMO = env.boolean("DEMO", default=False)
DEMO_USERNAME = "demo"
RUN_ADDRESS = env.text("RUN_ADDRESS")  # where `make run` listens: said once the server has started

INSTALLED_APPS = [
    # It makes `runserver` an ASGI server, for which it has to be first. Nothing else needs it, and its Twisted would be
    # a fifth of what every other process loads when it starts.
    *(["daphne"] if sys.argv[1:2] == ["runserver"] else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",  # for the templates of widgets
    "channels",
    "csp",
    "servestatic",
    "ninja",  # for the Swagger UI and ReDoc files in its package
    "project",
    "items",
    "streams",
]

MIDDLEWARE = [
    "streams.health.probes.answered_first",
    "project.site.RedirectedWhereKnown",
    "django.middleware.security.SecurityMiddleware",
    "project.static_files.StaticFiles",
    "csp.middleware.CSPMiddleware",
    "project.caching.NeverStored",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "project.own_pages.OwnPages",
    "project.unavailable.Unavailable",
]

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"

FOR_TEMPLATES = ["django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]
TEMPLATES = [
    {  # our pages
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,  # the widgets of forms
        "OPTIONS": {
            "environment": "project.pages.environment",
            "context_processors": [*FOR_TEMPLATES, "project.pages.of_request"],
        },
    },
    {  # the admin's, which extend Django's, and the texts of mails
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "project" / "templates"],  # before the admin's own
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request", *FOR_TEMPLATES]},
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Database ---------------------------------------------------------------------------------------------------------

STATEMENT_MS = 30_000  # of one statement for a visitor; then PostgreSQL stops it
POOL = 16  # connections to the server a process; the watch over rights keeps one of them

DATABASE: dict[str, Any] = env.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}")
# 0: threads take and give back connections (project/hops.py); nobody else may keep one.
DATABASE["CONN_MAX_AGE"] = 0
DATABASE["CONN_HEALTH_CHECKS"] = True  # for SQLite; the pool of PostgreSQL looks at each connection that it gives out
if DATABASE["ENGINE"] == "django.db.backends.sqlite3":
    env.keep_private(Path(DATABASE["NAME"]))  # SQLite gives its -wal and -shm the same mode
    DATABASE.setdefault("OPTIONS", {}).update(
        {
            "transaction_mode": "IMMEDIATE",  # a write waits for its turn at the start, where waiting is safe
            "timeout": 10,  # s
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=10000",
        }
    )
else:
    DATABASE["ENGINE"] = "project.postgresql"  # Django's, with a pool that is back at once after an outage
    DATABASE.setdefault("OPTIONS", {}).update(
        {
            # Bounded: at most this many server connections a process, and a request waits 10 s for one, not for ever.
            "pool": {"min_size": 1, "max_size": POOL, "timeout": 10},
            "connect_timeout": 3,  # s
            # A network that swallows packets ends a connection within 11 s, be it that we wait or that we send.
            "keepalives_idle": 5,  # s
            "keepalives_interval": 2,  # s
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,  # ms
        }
    )
    if Path(sys.argv[0]).name != "manage.py" or sys.argv[1:2] == ["runserver"]:
        # Not for management commands: migrations, imports and clearing up may take as long as they need.
        given = DATABASE["OPTIONS"].get("options", "")
        DATABASE["OPTIONS"]["options"] = f"{given} -c statement_timeout={STATEMENT_MS}".strip()
DATABASES = {"default": DATABASE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Kafka and Redis --------------------------------------------------------------------------------------------------

KAFKA_BOOTSTRAP_SERVERS = env.servers("KAFKA_BOOTSTRAP_SERVERS")  # empty: the embedded broker
KAFKA_SECURITY_PROTOCOL = env.choice(
    "KAFKA_SECURITY_PROTOCOL", ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), "PLAINTEXT"
)
KAFKA_SASL_MECHANISM = env.choice("KAFKA_SASL_MECHANISM", ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), "PLAIN")
KAFKA_SASL_USERNAME = env.text("KAFKA_SASL_USERNAME")
KAFKA_SASL_PASSWORD = env.text("KAFKA_SASL_PASSWORD")
KAFKA_SSL_CAFILE = env.text("KAFKA_SSL_CAFILE")
KAFKA_ITEMS_TOPIC = env.topic_name("KAFKA_ITEMS_TOPIC", "items.v1")
# Of the bridges of this installation: those of another one on the same Kafka would take their partitions away.
KAFKA_CONSUMER_GROUP = "streamboard" if KAFKA_ITEMS_TOPIC == "items.v1" else f"streamboard.{KAFKA_ITEMS_TOPIC}"
SCHEMA_REGISTRY_URL = env.http_url("SCHEMA_REGISTRY_URL")  # empty: there is none
SCHEMA_REGISTRY_USERNAME = env.text("SCHEMA_REGISTRY_USERNAME")
SCHEMA_REGISTRY_PASSWORD = env.text("SCHEMA_REGISTRY_PASSWORD")
SCHEMA_REGISTRY_TOKEN = env.text("SCHEMA_REGISTRY_TOKEN")
SCHEMA_REGISTRY_CAFILE = env.text("SCHEMA_REGISTRY_CAFILE")
REDIS_URL = env.redis_url("REDIS_URL")
METRICS_TOKEN = env.text("METRICS_TOKEN")
LINK_CHECK_PRIVATE = env.boolean("LINK_CHECK_PRIVATE", default=False)  # whether links may lead inside this network

# Where the files of imports lie. Locks lie beside what they guard (streams/runtime/locks.py).
RUN_DIR = BASE_DIR / ".run"

if REDIS_URL:
    # capacity x 256 KiB (the largest message) = 64 MiB a web process at most; what is older than 10 s is dropped by the
    # layer, and the ranges show and repair it. A web process renews its membership every 5 s.
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {
                "hosts": [
                    {
                        "address": REDIS_URL,
                        "max_connections": 1000,  # redis-py's default of 100 raises under load
                        "socket_connect_timeout": 3,  # s
                        "socket_timeout": 15,  # s, above the layer's 5 s blocking reads
                    }
                ],
                "prefix": "streamboard",
                "capacity": 256,
                "expiry": 10,
                "group_expiry": 30,
            },
        }
    }
else:
    CHANNEL_LAYERS = {}

# Accounts ---------------------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "items.tokens.TokenBackend"]
if DEMO:
    # The demo account has no password that could be used without this backend, so neither its sign-in nor its
    # sessions outlive `make run`.
    AUTHENTICATION_BACKENDS.append("project.demo.account.DemoBackend")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
SIGN_UP = env.boolean("SIGN_UP", default=False)  # whether strangers may make accounts

MAIL = env.mail("EMAIL_URL")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if MAIL.host else 'console'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.host, MAIL.port, MAIL.user, MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.starttls, MAIL.tls
EMAIL_TIMEOUT = 10  # s; the person who asked for a mail waits
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL.sender or "Streamboard <streamboard@localhost>"

# Security ---------------------------------------------------------------------------------------------------------

HTTPS = any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # subdomains and preload are the owner's decision
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
CONTENT_SECURITY_POLICY_REPORT_ONLY = None  # said, since each answer asks: a setting that is missing is looked for long

# Language, time, files --------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "project.static_files.Storage"},
}
# Found where they lie, so that a plain `uvicorn project.asgi:application` serves them without a step before; once
# collectstatic has run, its compressed ones are served instead.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"refusals": {"()": "project.logs.WithoutTraceOfRefusals"}},
    "formatters": {
        "line": {"class": "project.logs.OneLine", "format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals"]}},
    "loggers": {
        "items": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "streams": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "project": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "aiokafka": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "psycopg.pool": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},  # it warns of each try
    },
}

"""The settings of in-process tests: the product's own, with nothing taken from the developer's environment.

`TEST_DATABASE_URL` runs the same tests on another database server (`python -m tests.suite` does it for PostgreSQL).
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

PRODUCT_VARIABLES = (
    "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "DEBUG", "DEMO", "EMAIL_URL", "FORWARDED_ALLOW_IPS",
    "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_ITEMS_TOPIC", "KAFKA_SASL_MECHANISM", "KAFKA_SASL_PASSWORD",
    "KAFKA_SASL_USERNAME", "KAFKA_SECURITY_PROTOCOL", "KAFKA_SSL_CAFILE", "LINK_CHECK_PRIVATE", "METRICS_TOKEN",
    "REDIS_URL", "RUN_ADDRESS", "SCHEMA_REGISTRY_CAFILE", "SCHEMA_REGISTRY_PASSWORD", "SCHEMA_REGISTRY_TOKEN",
    "SCHEMA_REGISTRY_URL", "SCHEMA_REGISTRY_USERNAME", "SECRET_KEY", "SIGN_UP",
)  # fmt: skip
for name in PRODUCT_VARIABLES:
    os.environ.pop(name, None)

# pytest loads the product and all tests, and keeps what it made: to look through it again and again for what is to be
# freed took a tenth of the time. tests/conftest.py looks once, when all is loaded.
if "pytest" in sys.modules:
    gc.disable()

SCRATCH = Path(tempfile.mkdtemp(prefix="streamboard-tests-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)

# Nobody here trusts a public authority: reading the 140 of them takes each new httpx client 50 ms of CPU, and who waits
# for a process to start makes many.
AUTHORITIES = SCRATCH / "authorities"
AUTHORITIES.mkdir()
os.environ["SSL_CERT_DIR"] = str(AUTHORITIES)

os.environ["SECRET_KEY"] = "only-for-tests-of-this-product"
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "") or f"sqlite:///{SCRATCH / 'db.sqlite3'}"

from project.settings import *  # noqa: E402, F403
from project.settings import DATABASES, MIDDLEWARE  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: several connections then behave as they do in the product (WAL, a writer at a time).
    DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / "test.sqlite3")}

RUN_DIR = SCRATCH / "run"
# None of the in-process tests asks for a static file; product processes do, with the product's settings. The middleware
# that serves them is asynchronous alone: each request of Django's test client made an event loop for it and changed
# threads twice, which was half of what a request took. tests/project/test_handler.py has it, without its files.
MIDDLEWARE = [name for name in MIDDLEWARE if name != "project.static_files.StaticFiles"]
SERVESTATIC_USE_FINDERS = False
SERVESTATIC_USE_STATIC_ROOT = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast; nothing secret is hashed here

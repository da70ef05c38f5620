"""What is kept of imports: the uploaded file, how it is to be read, how far it has come, the rows that failed, and the
columns that a person chose."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone

# A running import says every chunk that it lives; a chunk takes a second or so, on a loaded machine some more.
SILENT = timedelta(seconds=60)


class ImportJob(models.Model):
    """Counts are rows: `rows` = created + updated + unchanged + failed + skipped."""

    class State(models.TextChoices):
        """How far an import has come. The last four are ends."""

        LOOKING = "looking", "Looking at the file"
        READY = "ready", "Not started"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="import_jobs")
    file_name = models.CharField(max_length=200)  # as the person knows it
    file_size = models.BigIntegerField(default=0)  # bytes
    mapping = models.JSONField(default=dict)  # field -> column
    dry_run = models.BooleanField(default=False)
    state = models.CharField(max_length=20, choices=State.choices, default=State.READY)
    cancel_asked = models.BooleanField(default=False)
    error = models.TextField(blank=True, default="")  # a sentence for people; why it failed
    position = models.BigIntegerField(default=0)  # bytes read
    rows = models.PositiveBigIntegerField(default=0)
    created = models.PositiveBigIntegerField(default=0)
    updated = models.PositiveBigIntegerField(default=0)
    unchanged = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    skipped = models.PositiveBigIntegerField(default=0)
    # reason -> rows. With a default in the database, too: processes of a version before go on adding imports during an
    # upgrade.
    why_skipped = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    alive_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_state_display()})"

    @property
    def folder(self) -> Path:
        """Its own, also where a folder of the same number is left from a database that is gone."""
        return Path(settings.RUN_DIR) / "imports" / f"{self.pk}-{self.created_at:%Y%m%d%H%M%S%f}"

    @property
    def source(self) -> Path:
        """The uploaded file."""
        return self.folder / "source"

    @property
    def survey(self) -> Path:
        """What was seen in the file."""
        return self.folder / "survey.json"

    @property
    def report(self) -> Path:
        """The rows that failed, as CSV."""
        return self.folder / "failed.csv"

    @property
    def now(self) -> str:
        """The state; of an import whose process has been silent for too long it is `interrupted`."""
        works = self.state in {self.State.RUNNING, self.State.LOOKING}
        if works and (self.alive_at is None or timezone.now() - self.alive_at > SILENT):
            return self.State.INTERRUPTED.value
        return self.state

    @property
    def percent(self) -> int:
        """How much of the file was read, from 0 to 100; 100 for an empty file."""
        return min(100, self.position * 100 // self.file_size) if self.file_size else 100


class FailedRow(models.Model):
    """A row of an import that failed and can be mended on the import's page. Goes when it is mended or left out."""

    job = models.ForeignKey(ImportJob, on_delete=models.CASCADE, related_name="failed_rows", db_index=False)
    line = models.PositiveBigIntegerField()
    reasons = models.JSONField(default=list)  # [column or "", sentence]
    texts = models.JSONField(default=dict)  # field -> what stands in the row
    source = models.TextField(blank=True, default="")  # the beginning of a row that could not be read

    class Meta:
        ordering = ["line", "id"]
        indexes = [models.Index(fields=["job", "line", "id"], name="failed_row_of_job")]

    def __str__(self) -> str:
        return f"line {self.line}"


class SavedColumns(models.Model):
    """Which column is which field, as a person chose it for a file; offered again for the same columns."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)  # of the columns' names
    mapping = models.JSONField(default=dict)  # field -> column
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "digest"], name="saved_columns_once")]

    def __str__(self) -> str:
        return f"{self.mapping}"

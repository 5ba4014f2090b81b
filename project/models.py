"""The table of idempotency keys."""

from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """The answer to a request that a client may send again, kept for a day."""

    client = models.CharField(max_length=64)  # digest of its credentials: keys are its own
    key = models.CharField(max_length=255)
    request = models.CharField(max_length=64)  # digest of path and body
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        db_table = "idempotency_key"
        constraints = [
            models.UniqueConstraint(fields=["client", "key"], name="idempotency_key_unique")
        ]

    def __str__(self) -> str:
        return self.key

"""`manage.py clear_idempotency_keys`: forget the answers that no client will ask for any more."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from project.idempotency import KEPT
from project.models import IdempotencyKey


class Command(BaseCommand):
    help = "Delete idempotency keys older than a day; schedule it, say once an hour."

    def handle(self, *args: Any, **options: Any) -> None:
        old = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT)
        deleted, _ = old.delete()
        self.stdout.write(f"{deleted} keys deleted")

"""Filters, fields, widgets and forms with code of a project's own."""

from collections import Counter
from typing import Any

from django import forms
from django.core.validators import EMPTY_VALUES
from django_filters import rest_framework as filters

asked: Counter[str] = Counter()  # what a project's own code was called for


class OfLength(filters.CharFilter):
    """Code of its own that only computes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("lookup_expr", "regex")
        super().__init__(*args, **kwargs)

    def filter(self, rows: Any, value: Any) -> Any:
        """Choose titles of a length."""
        return rows if value in EMPTY_VALUES else super().filter(rows, f"^.{{{len(value)}}}$")


class LookingAround(filters.CharFilter):
    """Looks at what else is named."""

    def filter(self, rows: Any, value: Any) -> Any:
        """Choose nothing where a level is named."""
        return rows.none() if self.parent.form.cleaned_data.get("level") else rows


class LookingAtRows(filters.CharFilter):
    """Does something else with other rows."""

    def filter(self, rows: Any, value: Any) -> Any:
        """Choose some, and of rows that are chosen already none where nothing is named."""
        if not value and rows.query.where:
            return rows.none()
        return rows.filter(title=value) if value else rows


class Counting(filters.CharFilter):
    """Counts how often it is asked."""

    def filter(self, rows: Any, value: Any) -> Any:
        """Choose all."""
        asked["filter"] += 1
        return rows


class Own(filters.CharFilter):
    """Chooses rows where nothing is named."""

    def filter(self, rows: Any, value: Any) -> Any:
        """Return open rows, unless more is wanted."""
        return rows if value == "all" else rows.filter(is_open=True)


class OwnField(forms.CharField):
    """Has a value where nothing is named."""

    def clean(self, value: Any) -> Any:
        """Return what begins so."""
        return super().clean(value) or "t1"


class OwnWidget(forms.TextInput):
    """Looks at another name."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return what is named otherwise."""
        return data.get("other")


class OwnForm(forms.Form):
    """Looks at all values."""

    def clean(self) -> Any:
        """Refuse some together."""
        if not self.cleaned_data.get("title"):
            raise forms.ValidationError("name something")
        return self.cleaned_data

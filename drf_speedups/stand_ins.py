"""Functions of ours in the place of frameworks' methods: put there together, and taken back."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.signals import setting_changed

from drf_speedups.eligibility.members import STAND_INS, is_genuine
from drf_speedups.eligibility.reasons import wanted

StandIn = tuple[Any, str, Callable[[Any], Any]]  # a class, a method's name, what makes ours of it


class StandIns:
    """Those of one piece, and whether they are in their places."""

    def __init__(
        self, piece: str, find: Callable[[], Iterable[StandIn]], forget: Callable[[], None]
    ) -> None:
        self.piece = piece
        self.stepped_aside = ""  # why they are not, if somebody else is there
        self._find = find
        self._forget = forget
        self._stock: list[tuple[Any, str, Any]] = []

    def install(self) -> None:
        """Put ours in the place of the frameworks' methods, if the piece is switched on.

        All or, where somebody has changed one of the methods, none. A second call does nothing.
        """
        if self.is_installed() or not wanted(self.piece):
            return
        found = [*self._find()]
        for kind, name, _make in found:
            if not is_genuine(kind, vars(kind)[name]):
                self.stepped_aside = f"{kind.__name__}.{name} was changed by somebody"
                return
        for kind, name, make in found:
            stock: Any = vars(kind)[name]
            ours = make(stock)
            STAND_INS.add(ours.fget if isinstance(ours, property) else ours)
            setattr(kind, name, ours)
            self._stock.append((kind, name, stock))
        setting_changed.connect(self.forget)

    def is_installed(self) -> bool:
        """Tell whether ours are in their places."""
        return bool(self._stock)

    def uninstall(self) -> None:
        """Put the frameworks' methods back."""
        setting_changed.disconnect(self.forget)
        for kind, name, stock in self._stock:
            setattr(kind, name, stock)
        self._stock.clear()
        self.stepped_aside = ""
        self.forget()

    def forget(self, **_kwargs: Any) -> None:
        """Let everything be looked at anew: a setting may have changed."""
        self._forget()

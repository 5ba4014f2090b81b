"""Listeners to the signals of all models that are known to do nothing for most of them.

django-imagekit hears of each object that is made, and leaves at once unless it was told of pictures
of the model, or of one that this inherits from. Who else listens may do anything.
"""

import sys
import weakref
from collections.abc import Callable
from types import CellType, FunctionType, MethodType
from typing import Any

from drf_speedups.eligibility.members import is_compiled

IMAGEKIT = "imagekit.specs.sourcegroups"
AROUND = "ik_model_receiver.<locals>.receiver"  # the code that leaves, and all that it looks at
LOOKS_AT = {"inspect", "isclass", "_source_groups", "issubclass", "model_class"}

Hears = Callable[[Any], bool]


def hears(listener: Any) -> Hears:
    """Return what tells whether a listener may do something with a model's objects.

    Ask it each time: more pictures may be told of. It keeps no listener alive.
    """
    module = sys.modules.get(IMAGEKIT)
    return _leaving(listener) if module and _is_imagekit_s(listener, module) else _always


def _is_imagekit_s(listener: Any, module: Any) -> bool:
    """Tell whether a listener runs django-imagekit's own code, which leaves or calls another."""
    function = listener.__func__ if type(listener) is MethodType else None
    if type(function) is not FunctionType or function.__globals__ is not vars(module):
        return False
    code, router = function.__code__, vars(module).get("ModelSignalRouter")
    known = code.co_qualname == AROUND and {*code.co_names} == LOOKS_AT
    alone = code.co_freevars == ("fn",) and type(listener.__self__) is router
    return known and alone and is_compiled(code, IMAGEKIT)


def _leaving(listener: Any) -> Hears:
    code, names = listener.__func__.__code__, listener.__func__.__globals__
    router = weakref.ref(listener.__self__)

    def called(model: Any) -> bool:
        """Let the code itself say it, with nothing to call."""
        calls: list[Any] = []
        within, there = CellType(lambda *_args, **named: calls.append(named)), router()
        if there is not None:
            FunctionType(code, names, closure=(within,))(there, sender=model)
        return there is None or bool(calls)

    return called


def _always(_model: Any) -> bool:
    return True

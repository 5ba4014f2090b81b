"""A listener to all models as django-imagekit has one: tests import this text under its name."""

import inspect
from functools import wraps

from django.db.models.signals import post_init, post_save


def ik_model_receiver(fn):
    """Let a method hear only of models with pictures."""

    @wraps(fn)
    def receiver(self, sender, **kwargs):
        if inspect.isclass(sender):
            for group in self._source_groups:
                if issubclass(sender, group.model_class):
                    return fn(self, sender=sender, **kwargs)
        return None

    return receiver


class ModelSignalRouter:
    """Hears of all models."""

    def __init__(self):
        self._source_groups = []
        post_init.connect(self.post_init_receiver, dispatch_uid="pictures")
        post_save.connect(self.post_save_receiver, dispatch_uid="pictures")

    @ik_model_receiver
    def post_init_receiver(self, sender, instance, **_kwargs):
        instance.title = f"{sender.__name__} with a picture"

    @ik_model_receiver
    def post_save_receiver(self, sender, instance, **_kwargs):
        """Look at the picture."""


class ImageFieldSourceGroup:
    """Says that a model has pictures."""

    def __init__(self, model_class):
        self.model_class = model_class
        signal_router._source_groups.append(self)


signal_router = ModelSignalRouter()

"""A route for each view set, named after its class."""

import re
from typing import Any

from rest_framework.routers import SimpleRouter

from tests.speedups.library import own_ways, strangers, views

VIEW_SETS: dict[str, Any] = {
    name: found
    for name, found in {**vars(views), **vars(own_ways), **vars(strangers)}.items()
    if isinstance(found, type) and issubclass(found, views.Fast) and found is not views.Fast
}
BASENAMES = {"Books": "book", "Authors": "author"}  # which links name

router = SimpleRouter()
for name, view_set in VIEW_SETS.items():
    words = re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower()
    router.register(words, view_set, basename=BASENAMES.get(name, words))
urlpatterns = router.urls

"""The routes, as DRF's router makes them, and pages of errors without their HTML."""

from typing import Any

from django.http import HttpResponse
from rest_framework.routers import SimpleRouter

from peers.django_fastdrf.views import ItemViewSet

router = SimpleRouter(trailing_slash=False)  # what stands before Django takes it off
router.register("items", ItemViewSet)

urlpatterns = router.urls


def _bare(status: int) -> Any:
    def answer(*_request: Any, **_error: Any) -> HttpResponse:
        return HttpResponse(status=status)

    return answer


handler400, handler404, handler500 = _bare(400), _bare(404), _bare(500)

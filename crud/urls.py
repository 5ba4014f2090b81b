"""The routes of the table, each with and without the trailing slash: a redirect loses the body."""

from rest_framework.routers import SimpleRouter

from crud.views import ItemViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("items", ItemViewSet)

urlpatterns = router.urls

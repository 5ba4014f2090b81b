"""The routes, as the tutorial's router makes them."""

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import DefaultRouter

from peers.drf_stock.views import ItemViewSet

router = DefaultRouter()
router.register("items", ItemViewSet)

urlpatterns = [path("admin/", admin.site.urls), path("", include(router.urls))]

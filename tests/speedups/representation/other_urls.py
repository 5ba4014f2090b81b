"""Where the links of hyperlinked fields lead in another urlconf."""

from django.urls import path
from django.views import View

urlpatterns = [path("other/<pk>/article/", View.as_view(), name="article-detail")]

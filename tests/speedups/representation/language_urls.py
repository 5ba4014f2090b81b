"""Where links lead in each language."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import path
from django.views import View

urlpatterns = i18n_patterns(path("articles/<pk>/", View.as_view(), name="article-detail"))

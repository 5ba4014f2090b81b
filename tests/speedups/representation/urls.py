"""Where the links of hyperlinked fields lead."""

from django.urls import path
from django.views import View

urlpatterns = [
    path("articles/<pk>/", View.as_view(), name="article-detail"),
    path("topics/<pk>/", View.as_view(), name="topic-detail"),
]

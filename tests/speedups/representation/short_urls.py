"""Where links lead to keys of ten digits at most."""

from django.urls import re_path
from django.views import View

urlpatterns = [re_path(r"^articles/(?P<pk>\d{1,10})/$", View.as_view(), name="article-detail")]

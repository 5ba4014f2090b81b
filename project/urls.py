"""All routes: the table's, the health checks', the documentation's, in development the admin's."""

from django.conf import settings
from django.urls import path, re_path
from django.views.generic import RedirectView

import crud.urls
from project.observability import health
from project.schema import Docs, Schema

handler400 = "project.requests.problems.bad_request"
handler403 = "project.requests.problems.permission_denied"
handler404 = "project.requests.problems.not_found"
handler500 = "project.requests.problems.server_error"

urlpatterns = [
    *crud.urls.urlpatterns,  # not included: a level less to resolve for each request
    re_path("^livez/?$", health.livez),
    re_path("^readyz/?$", health.readyz),
    re_path("^schema/?$", Schema.as_view(), name="schema"),
    re_path("^docs/?$", Docs.as_view(), name="docs"),
]

if "django.contrib.admin" in settings.INSTALLED_APPS:
    from django.contrib import admin

    urlpatterns += [
        path("admin/", admin.site.urls),
        path("", RedirectView.as_view(pattern_name="docs")),
    ]

"""Every address of Streamboard but the socket's (streams/socket/routing.py)."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from project.accounts.views import limited_sign_in
from project.api import api, errors
from project.api.docs import redoc
from project.overview import overview
from streams.board.views import dashboard, record

handler400 = errors.bad_request

urlpatterns = [
    path("", dashboard, name="dashboard"),
    path("api/redoc", redoc, name="redoc"),
    path("api/", api.urls()),  # before the others: it is asked most
    path("api/<path:rest>", errors.unknown_address),
    path("items/", include("items.urls")),
    path("records/<str:topic>/<int:partition>/<int:offset>", record, name="record"),
    path("boards/", include("streams.boards.urls")),
    path("topics/", include("streams.finding.urls")),
    path("accounts/", include("project.accounts.urls")),
    path("admin/overview/", admin.site.admin_view(overview), name="overview"),
    path("admin/login/", limited_sign_in(admin.site.login)),
    path("admin/password_change/", RedirectView.as_view(pattern_name="change_password")),  # which counts wrong old ones
    path("admin/", admin.site.urls),
]

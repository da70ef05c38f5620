"""The addresses of the pages about items."""

from django.urls import path

from items.imports import views as import_views
from items.links import views as link_views
from items.pages import deleted, export, views

app_name = "items"
urlpatterns = [
    path("", views.item_list, name="list"),
    path("new/", views.new, name="new"),
    path("export/", export.export, name="export"),
    path("import/", import_views.upload, name="import"),
    path("import/<int:job_id>/", import_views.job, name="import-job"),
    path("import/<int:job_id>/start/", import_views.start, name="import-start"),
    path("import/<int:job_id>/cancel/", import_views.cancel, name="import-cancel"),
    path("import/<int:job_id>/remove/", import_views.remove, name="import-remove"),
    path("import/<int:job_id>/columns/", import_views.guess_again, name="import-columns"),
    path("import/<int:job_id>/rows/<int:row_id>/", import_views.mend, name="import-mend"),
    path("import/<int:job_id>/report/", import_views.report, name="import-report"),
    path("deleted/", deleted.deleted, name="deleted"),
    path("<int:item_id>/restore/", deleted.restore, name="restore"),
    path("<int:item_id>/", views.detail, name="detail"),
    path("<int:item_id>/edit/", views.edit, name="edit"),
    path("<int:item_id>/delete/", views.delete, name="delete"),
    path("<int:item_id>/check-link/", link_views.check, name="check-link"),
]

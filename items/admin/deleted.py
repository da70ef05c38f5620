"""Deleted items in the admin: what can be restored still, and the action that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from items import services
from items.admin.paging import BoundedPaginator
from items.models import DeletedItem

if TYPE_CHECKING:
    DeletedItemModelAdmin = admin.ModelAdmin[DeletedItem]
else:
    DeletedItemModelAdmin = admin.ModelAdmin


@admin.register(DeletedItem)
class DeletedItemAdmin(DeletedItemModelAdmin):
    """Everybody's, the last deleted first. For those who may see, or change, items in the admin."""

    list_display = ("name", "sku", "owner", "version", "deleted_at")
    list_display_links = None
    list_select_related = ("owner",)
    ordering = ("-deleted_at",)
    sortable_by = ("deleted_at",)
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    paginator = BoundedPaginator
    search_fields = ("sku__exact", "name__startswith")
    search_help_text = "A whole SKU, or how a name begins"
    actions = ("restore",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeletedItem]:
        return DeletedItem._base_manager.filter(deleted_at__gte=services.gone_before()).order_by("-deleted_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: DeletedItem | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DeletedItem | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: DeletedItem | None = None) -> bool:
        return request.user.has_perm("items.view_item") or self.has_restore_permission(request)

    def has_restore_permission(self, request: HttpRequest) -> bool:
        """Whether the action `restore` is offered: to whoever may change items in the admin."""
        return request.user.has_perm("items.change_item")

    @admin.action(description="Restore selected items", permissions=["restore"])
    def restore(self, request: HttpRequest, queryset: QuerySet[DeletedItem]) -> None:
        """Each in a transaction of its own, in the order of the ids, as every writer of several items does."""
        actor: Any = request.user
        restored = gone = 0
        for item_id in queryset.order_by("pk").values_list("pk", flat=True):
            try:
                services.restore_item(item_id, actor=actor)
                restored += 1
            except services.ItemNotFound:
                gone += 1
            except services.NotAllowed as error:  # the right was taken away since it was looked for
                raise PermissionDenied(str(error)) from error
        self.message_user(request, f"{restored} item(s) restored.", messages.SUCCESS)
        if gone:
            self.message_user(request, f"{gone} item(s) are gone for good meanwhile.", messages.WARNING)

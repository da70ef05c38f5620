"""API tokens in the admin: who has them, and taking them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from items import tokens
from items.admin.paging import BoundedPaginator
from items.models import ApiToken

if TYPE_CHECKING:
    TokenModelAdmin = admin.ModelAdmin[ApiToken]
else:
    TokenModelAdmin = admin.ModelAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(TokenModelAdmin):
    """Shows who has tokens and takes them back. Made by their users or with `createtoken`; the secret is nowhere."""

    list_display = ("user", "name", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    search_fields = ("user__username__exact", "name__startswith")
    search_help_text = "A whole username, or how the token's name begins"
    readonly_fields = ("user", "name", "created_at", "last_used_at", "expires_at", "revoked_at")
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Revoke selected API tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Revokes each selected token that still counts; whoever uses one is signed out with the next request."""
        for token in queryset:
            tokens.revoke(token)
        self.message_user(request, "The selected tokens do not work any more.", messages.SUCCESS)

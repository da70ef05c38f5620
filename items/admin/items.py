"""Items in the admin. They are written by the services only, so every change makes its event.

The lists open fast with a million rows: nothing is counted to its end, and searching and sorting follow indexes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from items import services
from items.admin.paging import BoundedPaginator
from items.links import results
from items.listing import files
from items.models import Item
from items.models.link_check import LinkCheck, verdict
from items.pages.forms import MoneyField
from items.values import texts
from items.values.digits import whole_number

if TYPE_CHECKING:  # the types know what a form and an admin are for; Django's classes do not take it at run time
    ItemModelForm = forms.ModelForm[Item]
    ItemModelAdmin = admin.ModelAdmin[Item]
    from django_stubs_ext import StrOrPromise
else:
    ItemModelForm, ItemModelAdmin = forms.ModelForm, admin.ModelAdmin


CHANGED_AT_ONCE = 500  # items of one action: each is a transaction, and a field of the form that confirms it
EXPORTED_AT_ONCE = 1_000  # items, written in memory: 20 MB at most
CHECKED_AT_ONCE = 200  # links of one action …
CHECKED_WITHIN = 30.0  # … and s; the person waits. `checklinks` has no such bounds


class LinkFilter(admin.SimpleListFilter):
    """Narrows the list to items whose link is broken or failed when it was checked last."""

    title = "link"
    parameter_name = "link"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, StrOrPromise]]:
        return [("trouble", "Broken or failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        if self.value() != "trouble":
            return queryset
        return queryset.filter(pk__in=LinkCheck.troubled().values("item"))


class ItemAdminForm(ItemModelForm):
    """Refuses an edit of a version that is no longer the newest."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    price = MoneyField()
    tax = MoneyField(required=False)

    class Meta:
        model = Item
        fields = services.SETTABLE_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["seen_version"] = self.instance.version

    def clean_description(self) -> str:
        """Browsers send CRLF for a line break; the API and the database have LF."""
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        seen = self.cleaned_data.get("seen_version")
        if self.instance.pk and seen is not None and seen != self.instance.version:
            raise ValidationError(
                f"The item was changed meanwhile; it has version {self.instance.version} now. Open it again to see it.",
                code="conflict",
            )
        return cleaned

    def clean_sku(self) -> str:
        """Deleted items keep their SKU; a look among the live ones only would promise too much."""
        sku = texts.sku(str(self.cleaned_data["sku"]))
        if sku and Item.with_deleted.filter(sku=sku).exclude(pk=self.instance.pk).exists():
            raise ValidationError(str(services.SkuTaken(sku)), code="sku")
        return sku


@admin.register(Item)
class ItemAdmin(ItemModelAdmin):
    """The pages of items. Services do every write, so a right, a version or an event is never passed by."""

    form = ItemAdminForm
    list_display = ("name", "sku", "price", "owner", "version", "updated_at", "link_state")
    list_select_related = ("owner", "link_check")
    list_filter = (LinkFilter, "created_at")
    sortable_by = ("name", "price", "updated_at")
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    search_fields = ("sku",)  # shows the field; `get_search_results` says what it looks for
    search_help_text = "A number, a whole SKU, an owner's username, or how a name begins"
    actions = ("check_links", "export_selected")
    raw_id_fields = ("owner",)
    readonly_fields = ("version", "created_at", "updated_at", "link_state")
    fields = (
        "name", "description", "price", "tax", "link", "link_state", "sku", "owner",
        "version", "created_at", "updated_at", "seen_version",
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Item], search_term: str
    ) -> tuple[QuerySet[Item], bool]:
        """Only what an index finds. The items list of the product searches inside of texts, too."""
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        found = Q(sku=term) | _begins(term)
        owner = get_user_model().objects.filter(username=term).first()
        if owner is not None:  # as a number, so that an index can be used
            found |= Q(owner_id=owner.pk)
        if (number := whole_number(term, 18)) is not None:
            found |= Q(pk=number)
        return queryset.filter(found), False

    @admin.display(description="Link check")
    def link_state(self, item: Item) -> str:
        """What the last check of the item's link found, in words; "" for an item without a link."""
        check = getattr(item, "link_check", None)
        if check is None or check.url != item.link:
            return "not checked" if item.link else ""
        what = check.error or f"{check.status}, {check.took_ms} ms"
        return f"{check.verdict}: {what}"

    @admin.action(description="Check links of selected items", permissions=["change"])
    def check_links(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        """Fetches the links concurrently. What is not done within CHECKED_WITHIN seconds is left out, and the person is
        told."""
        found = list(queryset.exclude(link="").order_by("pk").values_list("pk", "link")[: CHECKED_AT_ONCE + 1])
        links = dict(found[:CHECKED_AT_ONCE])
        if not connection.in_atomic_block:  # only tests run this inside one
            connection.close()  # no connection is held while hosts are waited for
        answers = async_to_sync(results.check_within)(links.values(), CHECKED_WITHIN)
        kept = results.keep(links, answers)
        verdicts = [verdict(answers[link].status, answers[link].error) for link in links.values() if link in answers]
        troubled = len(verdicts) - verdicts.count("works")
        self.message_user(request, f"{kept} link(s) checked, {troubled} of them broken or failed.", messages.SUCCESS)
        if kept < len(found):
            sentence = "Not all of the selected links were checked: manage.py checklinks takes as many as there are."
            self.message_user(request, sentence, messages.WARNING)

    @admin.action(description="Export selected items as CSV", permissions=["view"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet[Item]) -> HttpResponse | None:
        """Up to EXPORTED_AT_ONCE, in the order of their numbers; the items list exports as many as there are."""
        items = list(queryset.select_related("owner").order_by("pk")[: EXPORTED_AT_ONCE + 1])
        if len(items) > EXPORTED_AT_ONCE:
            sentence = f"Select at most {EXPORTED_AT_ONCE:,} items here; the list under Items exports any number."
            self.message_user(request, sentence, messages.ERROR)
            return None
        rows = ",".join(files.COLUMNS) + "\r\n" + files.as_csv([item.as_object() for item in items])
        headers = {"Content-Disposition": 'attachment; filename="items-selected.csv"', "Cache-Control": "no-store"}
        return HttpResponse(rows, content_type=files.CONTENT_TYPES["csv"], headers=headers)

    def get_deleted_objects(
        self, objs: Sequence[Item] | QuerySet[Item], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """For the page that asks: a deletion by the services takes nothing else with it, so nothing is collected."""
        names = [str(item) for item in objs[: CHANGED_AT_ONCE + 1]]
        if len(names) > CHANGED_AT_ONCE:
            return [], {}, set(), [f"more than {CHANGED_AT_ONCE:,} items; select fewer at a time"]
        return names, {"items": len(names)}, set(), []

    def save_model(self, request: HttpRequest, obj: Item, form: ItemModelForm, change: bool) -> None:
        """Instead of `obj.save()`. Raises what the services raise; `changeform_view` shows it."""
        fields = {name: form.cleaned_data[name] for name in form.changed_data if name in services.SETTABLE_FIELDS}
        actor = _actor(request)
        if change:
            seen = form.cleaned_data.get("seen_version")
            saved = services.update_item(obj.pk, actor=actor, expected_version=seen, **fields)
        else:
            saved = services.create_item(actor=actor, **fields)
        obj.pk = saved.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Item) -> None:
        services.delete_item(obj.pk, actor=_actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        """In the order of the ids, as every writer of several items does: two of them never wait for each other."""
        for item_id in queryset.order_by("pk").values_list("pk", flat=True):
            services.delete_item(item_id, actor=_actor(request))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._with_refusals_shown(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._with_refusals_shown(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._with_refusals_shown(request, super().changelist_view, *args, **kwargs)

    def _with_refusals_shown(self, request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """A service that refuses behind the form's own checks (somebody was quicker) is a message, not an error page.

        The view's own transaction is rolled back by then.
        """
        try:
            response: HttpResponse = view(request, *args, **kwargs)
        except (services.Refused, ValidationError) as error:
            sentence = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            self.message_user(request, f"Nothing was saved. {sentence}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response


def _begins(text: str) -> Q:
    """Names that begin so, in words that an index understands: SQLite has none for LIKE, but orders by bytes."""
    if connection.vendor == "sqlite":
        return Q(name__gte=text, name__lt=text + "\U0010ffff")
    return Q(name__startswith=text)


def _actor(request: HttpRequest) -> Any:
    return request.user

"""Topics, favourites, boards and the outbox in Django's admin. The outbox is only looked at; parked messages can be
sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.timesince import timesince

from streams.board import preview
from streams.boards import services
from streams.boards.sharing import ORDER
from streams.decoding.stored import check_schemas
from streams.models import Board, FavouriteTopic, OutboxMessage, Topic
from streams.outbox.messages import send_again
from streams.runtime.away import Unavailable

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django_stubs_ext import StrOrPromise

    BoardAdminBase = admin.ModelAdmin[Board]
    BoardFormBase = ModelForm[Board]
    FavouriteAdminBase = admin.ModelAdmin[FavouriteTopic]
    TopicAdminBase = admin.ModelAdmin[Topic]
    TopicFormBase = ModelForm[Topic]
    OutboxAdminBase = admin.ModelAdmin[OutboxMessage]
    OutboxPaginatorBase = Paginator[OutboxMessage]
else:
    BoardAdminBase = FavouriteAdminBase = TopicAdminBase = OutboxAdminBase = admin.ModelAdmin
    OutboxPaginatorBase = Paginator
    BoardFormBase = TopicFormBase = ModelForm

COUNTED = 10_000  # pages lead so far; counting millions of rows would take longer than reading a page of them
VALUE_SHOWN = 20_000  # characters of a value


class TopicForm(TopicFormBase):
    """A topic's fields; a schema of its own has to be of use for its format."""

    class Meta:
        model = Topic
        fields = (
            "name", "label", "readers", "exporters", "value_format", "value_schema", "value_message",
            "key_format", "key_schema", "key_message",
        )  # fmt: skip

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is not None and not self.errors:
            check_schemas(self.described())
        return cleaned

    def described(self) -> Topic:
        """The topic as the form describes it, not saved and apart from the one that is."""
        fields = {name: value for name, value in self.cleaned_data.items() if name not in {"readers", "exporters"}}
        return Topic(**fields)


@admin.register(Topic)
class TopicAdmin(TopicAdminBase):
    """The topics that people may watch, which groups may, and how their records are written."""

    form = TopicForm
    list_display = ("name", "label", "who", "value_format", "key_format")
    search_fields = ("name", "label")
    filter_horizontal = ("readers", "exporters")
    fieldsets = (
        (None, {"fields": ("name", "label", "readers", "exporters")}),
        ("Values", {"fields": ("value_format", "value_schema", "value_message")}),
        ("Keys", {"fields": ("key_format", "key_schema", "key_message")}),
    )

    def get_urls(self) -> list[URLPattern]:
        address = path(
            "<path:object_id>/preview/", self.admin_site.admin_view(self.preview), name="streams_topic_preview"
        )
        return [address, *super().get_urls()]

    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The newest records by the formats of the form that was sent, which is not saved."""
        topic = self.get_object(request, object_id)
        if topic is None or request.method != "POST":
            raise Http404
        if not self.has_change_permission(request, topic):
            raise PermissionDenied
        form = TopicForm(request.POST, instance=Topic.objects.get(pk=topic.pk))
        lines: list[preview.Line] = []
        problem = ""
        if form.is_valid():
            described = form.described()
            described.name = topic.name
            try:
                lines = async_to_sync(preview.preview)(described)
            except Unavailable as error:
                problem = str(error)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Newest records of {topic.name}",
            "topic": topic,
            "form": form,
            "lines": lines,
            "problem": problem,
        }
        return TemplateResponse(request, "admin/streams/topic/preview.html", context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        found = super().get_queryset(request).prefetch_related("readers")
        is_list = request.resolver_match is not None and request.resolver_match.url_name == "streams_topic_changelist"
        return found.defer("value_schema", "key_schema") if is_list else found

    @admin.display(description="Readers")
    def who(self, topic: Topic) -> str:
        """The groups that may read the topic, by name; without any, every signed-in user may."""
        return ", ".join(group.name for group in topic.readers.all()) or "every signed-in user"


@admin.register(FavouriteTopic)
class FavouriteTopicAdmin(FavouriteAdminBase):
    """Which topics are whose favourites: to look at, and to take away. People choose them on the pages."""

    list_display = ("topic", "user", "added_at")
    list_select_related = ("topic", "user")
    search_fields = ("topic__name", "topic__label", "user__username")
    ordering = ("topic__name", "user__username")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: FavouriteTopic | None = None) -> bool:
        return False


class BoardForm(BoardFormBase):
    """With whom a board is shared, as its definition may say it."""

    class Meta:
        model = Board
        fields = ("owner", "read", "edit", "groups")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned is None or self.errors:
            return cleaned
        read, edit = Board.Audience(cleaned["read"]), Board.Audience(cleaned["edit"])
        if ORDER.index(edit) > ORDER.index(read):
            self.add_error("edit", "Who may change it must be able to see it: choose no more than for reading.")
        elif read == Board.Audience.GROUPS and not cleaned["groups"]:
            self.add_error("groups", "Choose at least one group, or share with nobody or everyone.")
        return cleaned


@admin.register(Board)
class BoardAdmin(BoardAdminBase):
    """Whose boards there are, and with whom they are shared. What is on them is changed on the boards themselves."""

    form = BoardForm
    list_display = ("name", "slug", "owner", "read", "edit", "updated_at")
    list_filter = ("read", "edit")
    list_select_related = ("owner",)
    search_fields = ("name", "slug", "owner__username")
    autocomplete_fields = ("owner",)
    filter_horizontal = ("groups",)
    fields = ("name", "slug", "owner", "read", "edit", "groups", "version", "changed_by", "updated_at")
    readonly_fields = ("name", "slug", "version", "changed_by", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Board, form: object, change: bool) -> None:
        """Counts the version on, so that nobody who has the board open saves over this."""
        services.share_board(obj, actor=cast("User", request.user))


class BoundedPaginator(OutboxPaginatorBase):
    """Counts no further than COUNTED."""

    # Django's: Python's own has one lock for all paginators (before 3.12), and who waits for it keeps a connection.
    @cached_property
    def count(self) -> int:
        messages = self.object_list
        return messages[:COUNTED].count() if isinstance(messages, QuerySet) else len(messages)


class StateFilter(admin.SimpleListFilter):
    """Narrows the list to messages that are waiting, parked or published."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, StrOrPromise]]:
        return [("waiting", "Waiting"), ("parked", "Parked"), ("published", "Published")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        if self.value() == "waiting":
            return queryset.filter(published_at__isnull=True, parked_at__isnull=True)
        if self.value() == "parked":
            return queryset.filter(published_at__isnull=True, parked_at__isnull=False)
        if self.value() == "published":
            return queryset.filter(published_at__isnull=False)
        return queryset


@admin.register(OutboxMessage)
class OutboxMessageAdmin(OutboxAdminBase):
    """The outbox, to look at. Nobody writes here; parked messages can be sent again."""

    list_display = ("id", "topic", "key", "event", "state", "age", "place", "attempts", "last_error")
    list_filter = (StateFilter,)
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    ordering = ("-id",)
    show_facets = admin.ShowFacets.NEVER
    list_max_show_all = 0
    sortable_by = ()
    search_fields = ("key",)  # shows the field; `get_search_results` asks as the index wants to be asked
    search_help_text = "An item's id"
    actions = ("send_again",)
    fields = (
        ("topic", "key", "event"),
        ("state", "created_at", "published_at", "parked_at"),
        ("place", "attempts", "last_error"),
        "headers",
        "text",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxMessage]:
        return super().get_queryset(request).defer("value")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OutboxMessage], search_term: str
    ) -> tuple[QuerySet[OutboxMessage], bool]:
        key = search_term.replace("\x00", "").strip()
        return (queryset.filter(topic=settings.KAFKA_ITEMS_TOPIC, key=key) if key else queryset), False

    @admin.display(description="Event")
    def event(self, message: OutboxMessage) -> str:
        """The type of the item event, such as `item.created`."""
        return str(message.headers.get("ce_type", ""))

    @admin.display(description="State")
    def state(self, message: OutboxMessage) -> str:
        """`waiting`, `parked` or `published`."""
        if message.published_at is not None:
            return "published"
        return "waiting" if message.parked_at is None else "parked"

    @admin.display(description="Age")
    def age(self, message: OutboxMessage) -> str:
        """How long ago the message was written, in one unit."""
        return timesince(message.created_at, timezone.now(), depth=1)

    @admin.display(description="Partition: offset")
    def place(self, message: OutboxMessage) -> str:
        """Partition and offset that Kafka gave it; "" before."""
        return "" if message.partition is None else f"{message.partition}: {message.offset}"

    @admin.display(description="Value")
    def text(self, message: OutboxMessage) -> str:
        """The value as text, its first VALUE_SHOWN characters."""
        return bytes(message.value).decode("utf-8", "replace")[:VALUE_SHOWN]

    @admin.action(description="Send parked messages again", permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        """Lets the selected messages that are parked go to Kafka once more."""
        self.message_user(request, f"{send_again(queryset)} parked message(s) will be sent again.")

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Whether the action `send_again` is offered: to whoever may change outbox messages."""
        return request.user.has_perm("streams.change_outboxmessage")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        return False

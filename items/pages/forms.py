"""The forms of an item. They check what was typed without the database; what only a service sees is added to them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.safestring import SafeString

from items import services
from items.models import Item
from items.models.item import FIELDS
from items.pages.merging import Merge, Theirs
from items.values import money, texts

CHOOSE = "Choose which one is saved."


class MoneyField(forms.CharField):
    """An amount as people type it, exact, with the sentences of `money.amount`. Empty is None."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        if not typed:
            return None
        try:
            return money.amount(typed)
        except ValueError as error:
            raise ValidationError(str(error), code="money") from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        """12.50 typed as 12.5 is no change."""
        try:
            return bool(self.clean(data) != initial)
        except ValidationError:
            return True


class ItemForm(forms.Form):
    """What people may type of an item."""

    name = forms.CharField(
        max_length=texts.NAME_LENGTH,
        validators=[texts.validate_name],
        error_messages={"required": "Give the item a name."},
    )
    description = forms.CharField(
        required=False,
        max_length=texts.DESCRIPTION_LENGTH,
        validators=[texts.validate_storable],
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="What it is, for whom, in which state. Line breaks stay.",
    )
    price = MoneyField(
        help_text="With at most two decimal places, for example 12.50.", error_messages={"required": "Give a price."}
    )
    tax = MoneyField(required=False, help_text="The part of the price that is tax; empty when not known.")
    link = forms.CharField(
        required=False,
        max_length=texts.LINK_LENGTH,
        validators=[texts.validate_link],
        widget=forms.TextInput(attrs={"inputmode": "url"}),
        help_text="A page about it, starting with http:// or https://.",
    )
    sku = forms.CharField(
        label="SKU",
        required=False,
        max_length=texts.SKU_LENGTH,
        validators=[texts.validate_one_line],
        help_text="Your own article number. No two items have the same.",
    )

    def clean_description(self) -> str:
        """Browsers send CRLF for a line break; the API and the database have LF."""
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def fields_of_item(self) -> services.ItemFields:
        """What was typed, as services take it; only after `is_valid()`."""
        typed = self.cleaned_data
        return {
            "name": typed["name"],
            "description": typed["description"],
            "price": typed["price"],
            "tax": typed["tax"],
            "link": typed["link"],
            "sku": typed["sku"],
        }

    def refuse(self, error: services.Refused | ValidationError) -> None:
        """Shows a service's refusal where it belongs."""
        if isinstance(error, services.SkuTaken):
            self.add_error("sku", str(error))
        elif isinstance(error, ValidationError):
            self.add_error(None, error)
        else:
            self.add_error(None, str(error))


class NewItemForm(ItemForm):
    """A form that can be sent once: sending it again leads to the item that the first time made."""

    submission = forms.UUIDField(widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True)
class Choice:
    """A field that two people changed: what somebody else saved and what this person typed, side by side. picked:
    `theirs`, `mine`, or "" while nothing is chosen."""

    name: str
    before: str
    theirs: str
    who: str
    mine: str
    picked: str

    @classmethod
    def between(cls, theirs: Theirs, mine: str) -> Choice:
        """Nothing is chosen yet."""
        return cls(theirs.name, theirs.before or "", theirs.now, theirs.who, mine, "")

    @classmethod
    def sent(cls, name: str, data: Mapping[str, Any]) -> Choice | None:
        """The choice as it comes back with the form; None where there was none."""
        if f"theirs_{name}" not in data:
            return None
        picked = data.get(f"pick_{name}", "")
        before, theirs, who, mine = (
            str(data.get(key, "")) for key in (f"before_{name}", f"theirs_{name}", f"who_{name}", name)
        )
        return cls(name, before, theirs, who, mine, picked if picked in {"theirs", "mine"} else "")


class EditedField(forms.BoundField):
    """A field of an item that somebody else may have changed while this person had the form open."""

    form: EditItemForm

    @property
    def choice(self) -> Choice | None:
        """What is to be chosen between, where both changed it."""
        return self.form.choices.get(self.name)

    @property
    def taken(self) -> Theirs | None:
        """What was taken over from somebody else, where this person had not changed it."""
        return self.form.taken.get(self.name)

    @property
    def mine(self) -> SafeString:
        """The widget of a choice in which stands what this person typed, also when the other one was picked."""
        attrs = self.build_widget_attrs({"id": self.auto_id, "aria-label": f"{self.label}, yours"}, self.field.widget)
        typed = self.choice.mine if self.choice else ""
        return SafeString(self.field.widget.render(self.html_name, typed, attrs=attrs))


class EditItemForm(ItemForm):
    """Knows which version the person has seen, and of fields that somebody else has changed meanwhile which of both is
    to be saved. What was typed stays in the page whichever was picked."""

    bound_field_class = EditedField
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        found = [] if data is None else [Choice.sent(name, data) for name in FIELDS]
        self.choices = {choice.name: choice for choice in found if choice is not None}
        self.taken: dict[str, Theirs] = {}
        if data is not None:
            picked = {name: choice.theirs for name, choice in self.choices.items() if choice.picked == "theirs"}
            data = dict(data.items()) | picked
        super().__init__(data, **options)

    @classmethod
    def of(cls, item: Item) -> EditItemForm:
        """The form filled with an item and its version."""
        return cls(initial={name: getattr(item, name) for name in (*FIELDS, "version")})

    def clean(self) -> None:
        """A field that two people changed is saved once somebody has said which."""
        for name, choice in self.choices.items():
            if not choice.picked:
                self.add_error(name, CHOOSE)

    def merged(self, merge: Merge, version: int) -> EditItemForm:
        """The form that answers a conflict: with what only the others changed, and a choice where both did."""
        mine = {name: str(self.data.get(name, "")) for name in FIELDS}
        form = EditItemForm(mine | {change.name: change.now for change in merge.taken} | {"version": str(version)})
        form.is_valid()  # before there is anything to choose: a question is no error yet
        form.taken = {change.name: change for change in merge.taken}
        form.choices = {change.name: Choice.between(change, mine[change.name]) for change in merge.both}
        return form


class GoneItemForm(EditItemForm):
    """What was typed over an item that was deleted meanwhile: it is restored with it, or becomes a new item."""

    submission = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def of_edited(cls, sent: Mapping[str, Any]) -> GoneItemForm:
        """The form that takes over what an EditItemForm was sent with: what was picked, where there was a choice."""
        edited = EditItemForm(sent).data
        kept = {name: str(edited.get(name, "")) for name in (*FIELDS, "version")}
        return cls(kept | {"submission": str(uuid.uuid4())})

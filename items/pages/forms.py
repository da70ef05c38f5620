"""The forms of an item. They check what was typed without the database; what only a service sees is added to them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from items import services
from items.models import Item
from items.values import money, texts


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


class EditItemForm(ItemForm):
    """Knows which version the person has seen."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    @classmethod
    def of(cls, item: Item) -> EditItemForm:
        """The form filled with an item and its version."""
        return cls(initial={name: getattr(item, name) for name in (*ItemForm.base_fields, "version")})

    def with_version(self, version: int) -> EditItemForm:
        """The same typed text, now as an answer to another version."""
        return EditItemForm(dict(self.data.items()) | {"version": str(version)})

"""Amounts of money, exact: the one rule for what a caller may give, and how it is written. No float ever takes part in
a calculation.

The form, the API, the admin and the imports all ask `amount`; what it takes of a text is the pattern TEXT, which the
API's description shows. A text whose separator could mean two things is refused: only an import, which sees a whole
column, may know more (items/imports/amounts.py).
"""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS = 12  # in all; the largest amount is 9,999,999,999.99
PLACES = 2
LARGEST = Decimal("9999999999.99")
CENT, ZERO = Decimal("0.01"), Decimal("0.00")
LENGTH = 64  # characters of a text; the longest amount with its signs has about 40

# Signs and codes of currencies that may stand before or behind an amount, one of them. An item keeps the number only.
SIGNS = "$€£¥￥円元¢₩₹₽₺₴₦₫₪₱฿₲₡₸₼₾"
CODES = (
    r"AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KES|KRW|"
    r"MAD|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|"
    r"VND|ZAR|kr\.|kr|zł|Kč|Ft|lei|R\$|US\$|CA\$|A\$|C\$|NZ\$|HK\$|S\$|Fr\.|Euro|Rs\.|Rs"
)
BLANK = " \u00a0\u202f\u2009"  # between number and sign, and between groups of three digits

_CURRENCY = f"(?:{CODES}|[{SIGNS}])"
_DECIMALS = "[0-9]{1,2}0{0,20}"  # zeros at the end are no decimals


def _grouped(separator: str, least: int = 1) -> str:
    """Digits in groups of three, ten at most, in at least so many groups behind the first."""
    most = f"[0-9](?:{separator}[0-9]{{3}}){{3}}"
    if least > 2:
        return most
    return f"(?:[0-9]{{1,3}}(?:{separator}[0-9]{{3}}){{{least},2}}|{most})"


# Each way to write a number that can mean only one thing when it stands alone.
_POINT = rf"0{{0,20}}[0-9]{{1,10}}(?:\.{_DECIMALS})?"  # 12, 12.5, 12.500, as JSON and programs write it
_COMMA = r"0{0,20}[0-9]{1,10},(?:[0-9]{1,2}|[0-9]{2}0{2,20})"  # 12,5; of 12,500 nobody knows
_COMMA_GROUPS = rf"{_grouped(',')}\.{_DECIMALS}|{_grouped(',', 2)}"
_POINT_GROUPS = rf"{_grouped('[.]')},{_DECIMALS}|{_grouped('[.]', 2)}"
_OTHER_GROUPS = rf"(?:{_grouped(f'[{BLANK}]')}|{_grouped('[’' + chr(39) + ']')})(?:[.,]{_DECIMALS})?"
_WHOLE = r"[0-9]{1,10}[.,](?:--?|[–—])"  # 12,- and 12.–, as price lists write whole amounts
_NUMBER = f"(?:{_POINT}|{_COMMA}|{_WHOLE}|{_COMMA_GROUPS}|{_POINT_GROUPS}|{_OTHER_GROUPS})"
_PART = rf"[{SIGNS}]?[.,]{_DECIMALS}"  # .50, as some databases write it; of kr.50 nobody knows
TEXT = f"^(?:(?:{_CURRENCY}[{BLANK}]?)?{_NUMBER}|{_NUMBER}[{BLANK}]?{_CURRENCY}|{_PART})$"

_TEXT = re.compile(
    rf"(?:{_CURRENCY}[{BLANK}]?)?(?P<before>{_NUMBER})|(?P<behind>{_NUMBER})[{BLANK}]?{_CURRENCY}|(?P<part>{_PART})"
)
_PLAIN = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,2})?")  # what most texts are: no need to look for more
_EXACT = re.compile(r"[0-9]{1,10}\.[0-9]{2}")  # … and as it is kept: nothing is left to be looked at
_ALONE = re.compile(_POINT)
_MARK = re.compile(_CURRENCY)
_UNCLEAR = re.compile(r"[0-9]{1,3},[0-9]{3}")
_FINE = re.compile(r"[0-9]+[.,][0-9]+")
# -5, and what bookkeeping writes for it: (5.00) and 5.00-
_SIGNED = re.compile(r"[-−]\s*[0-9.,].*|\(\s*[0-9.,].*\)|[0-9.,]*[0-9]\s*[-−]")

NO_AMOUNT = "Give one number such as 12.50, with at most one currency sign."
TOO_FINE = "Give at most two decimal places."
BELOW = "Must not be below 0."
ABOVE = f"Must not be above {LARGEST:,}."


class Unclear(ValueError):
    """The separator in the text could stand before decimals or between thousands."""

    def __init__(self, text: str) -> None:
        whole = re.sub("[.,]", "", text)
        super().__init__(f"It is not clear what the separator in {text} means. Write {whole}, or decimals as in 12.50.")


def amount(value: object) -> Decimal:
    """The exact amount with two places that an int, a Decimal, a text or a float stands for.

    A float means the number it prints as (0.1 is ten cents). A text is one number with at most one currency sign or
    code (€ 1.234,50). Raises ValueError with a sentence for people; Unclear for a text such as 1,234.
    """
    if type(value) is str and (found := exact(value)) is not None:
        return found
    number = _number(value)
    if not number.is_finite():
        raise ValueError("Give a finite number.")
    if number < 0:
        raise ValueError(BELOW)
    if number > LARGEST:
        raise ValueError(ABOVE)
    # Adjusted first: a Decimal such as 1E-999999 must not be spread out into its digits.
    if not number:
        return ZERO
    if number.adjusted() < -PLACES or number != (rounded := number.quantize(CENT)):
        raise ValueError(TOO_FINE)
    return rounded


def exact(text: str) -> Decimal | None:
    """The amount, when the text is one as it is kept, with two places and nothing else; otherwise None."""
    return Decimal(text) if _EXACT.fullmatch(text) else None


def bare(text: str) -> str:
    """The text without its one currency sign or code. Not more: what is left may be no number."""
    found = list(_MARK.finditer(text))
    if len(found) != 1:
        return text
    start, end = found[0].span()
    return (text[end:] if start == 0 else text[:start] if end == len(text) else text).strip(BLANK)


def currency(text: str) -> str:
    """The currency sign or code that the text has, or ""."""
    found = _MARK.search(text)
    return found.group() if found else ""


def _number(value: object) -> Decimal:
    if isinstance(value, str):
        return _read(value)
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool):
        raise ValueError(NO_AMOUNT)
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    raise ValueError(NO_AMOUNT)


def _read(text: str) -> Decimal:
    """The number that a text is. Raises ValueError with what is wrong with it."""
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    found = _TEXT.fullmatch(text) if len(text) <= LENGTH else None
    if found is None:
        raise _why_not(text)
    number = found["before"] or found["behind"] or "0" + found["part"].lstrip(SIGNS)
    if _ALONE.fullmatch(number):
        return Decimal(number)
    if not number[-1].isdigit():
        return Decimal(number.rstrip(".,-–—"))
    groups = re.split(rf"[.,’'{BLANK}]", number)
    separators = [character for character in number if not character.isdigit()]
    # The last separator stands before decimals unless it also stood before: 1,234.50, but 1,234,567 and 1 234.
    decimals = separators[-1] in ".," and separators.count(separators[-1]) == 1
    return Decimal(f"{''.join(groups[:-1])}.{groups[-1]}" if decimals else "".join(groups))


def _why_not(text: str) -> ValueError:
    if len(text) > LENGTH:
        return ValueError(NO_AMOUNT)
    number = bare(text)
    if _SIGNED.fullmatch(_MARK.sub("", text, count=1).strip(BLANK)):
        return ValueError(BELOW)
    if _UNCLEAR.fullmatch(number):
        return Unclear(number)
    if number.isascii() and number.isdigit():
        return ValueError(ABOVE)
    if number.isascii() and _FINE.fullmatch(number):
        whole = re.split("[.,]", number)[0].lstrip("0")
        return ValueError(ABOVE if len(whole) > DIGITS - PLACES else TOO_FINE)
    return ValueError(NO_AMOUNT)


def written(value: Decimal) -> str:
    """The amount as answers and events carry it: always with two places."""
    return f"{value:.{PLACES}f}"

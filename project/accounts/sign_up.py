"""Signing up, where SIGN_UP lets strangers do it: a name and a mail address, a mail, and the password behind its link.

Nothing is kept before the link was opened, so an address counts only when it was confirmed. The page answers the same
whatever is known of a name or an address; what is taken stands in the mail, which only the owner of the address reads.
"""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import SetPasswordForm, UsernameField
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from project import mailing, site
from project.accounts import attempts

CONTRIBUTORS = "Contributors"  # the group that may add items (project/migrations/0001_contributors.py)
NEW_SESSION_BACKEND = "django.contrib.auth.backends.ModelBackend"
NAME_LENGTH = 150  # characters, as the model has it
LINK_LIVES = timedelta(days=3)
SALT = "project.sign_up"

SIGN_UP = attempts.Limit("sign-up from an address", 20, timedelta(hours=1))
SIGN_UP_OF_NAME = attempts.Limit("sign-up of a name", 5, timedelta(hours=1))
SIGN_UP_OF_MAIL = attempts.Limit("sign-up of a mail address", 3, timedelta(hours=1))


class Wanted(NamedTuple):
    """What somebody asked for, as the link carries it."""

    name: str
    mail: str


class SignUpForm(forms.Form):
    """The name and the mail address that somebody wants to sign up with."""

    username = UsernameField(
        max_length=NAME_LENGTH,
        validators=[UnicodeUsernameValidator()],
        help_text="Letters, digits and @ . + - _; others see it beside what you submit.",
    )
    email = forms.EmailField(
        label="Mail address",
        max_length=254,
        help_text="A link is sent there, behind which you choose a password.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_username(self) -> str:
        """The name as it was typed. Raises ValidationError for the demonstration's."""
        name = str(self.cleaned_data["username"])
        if same(name) == same(settings.DEMO_USERNAME):
            raise ValidationError("This name is kept for the demonstration.", code="reserved")
        return name


def same(name: str) -> str:
    """What two names have in common when people would take one for the other: width and case do not count."""
    return unicodedata.normalize("NFKC", name).casefold()


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Asks for a name and an address, and sends a mail. Only with the setting SIGN_UP."""
    _only_for_strangers()
    if request.user.is_authenticated:
        return redirect("dashboard")
    form = SignUpForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "registration/sign_up.html", {"form": form})
    wanted = Wanted(form.cleaned_data["username"], form.cleaned_data["email"])
    try:
        attempts.take(SIGN_UP, attempts.address_of(request))
        attempts.take(SIGN_UP_OF_NAME, same(wanted.name))
        attempts.take(SIGN_UP_OF_MAIL, same(wanted.mail))
    except attempts.TooMany as error:
        return attempts.refusal(request, error)
    _send(request, wanted)
    return render(request, "registration/sign_up_sent.html", {"mail": wanted.mail, "days": LINK_LIVES.days})


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def finish(request: HttpRequest, signed: str) -> HttpResponse:
    """Where the mail's link leads: a password, and there is an account that may add items."""
    _only_for_strangers()
    wanted = _read(signed)
    if wanted is None or _is_taken(wanted):
        return _no_more(request)
    user = User(username=wanted.name, email=wanted.mail)
    form = SetPasswordForm(user, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "registration/sign_up_finish.html", {"form": form, "wanted": wanted})
    with transaction.atomic():
        _one_by_one()
        if _is_taken(wanted):
            return _no_more(request)
        form.save()
        user.groups.set(Group.objects.filter(name=CONTRIBUTORS))
    login(request, user, backend=NEW_SESSION_BACKEND)
    messages.success(request, f"Welcome, {user.get_username()}. Your account is ready.")
    return redirect("dashboard")


def _no_more(request: HttpRequest) -> HttpResponse:
    return render(request, "registration/sign_up_finish.html", {"form": None}, status=410)


def _only_for_strangers() -> None:
    if not settings.SIGN_UP:
        raise Http404("People cannot sign up here; staff makes accounts.")


def _send(request: HttpRequest, wanted: Wanted) -> None:
    """One mail in every case, after the same questions: neither the answer nor its time tells what is taken."""
    has_account, name_is_taken = _mail_is_taken(wanted.mail), _name_is_taken(wanted.name)
    signed = signing.dumps(list(wanted), salt=SALT, compress=True)
    domain = site.host_of(request)
    scheme = "https" if settings.HTTPS else request.scheme  # behind a proxy the request itself may not know
    link = f"{scheme}://{domain}{reverse('sign_up_finish', args=[signed])}"
    context = {
        "wanted": wanted,
        "has_account": has_account,
        "name_is_taken": name_is_taken,
        "link": link,
        "days": LINK_LIVES.days,
        "domain": domain,
    }
    text = render_to_string("registration/sign_up_mail.txt", context)
    mailing.send_later(partial(_mail, wanted.mail, text))


def _mail(address: str, text: str) -> None:
    send_mail("Your account at Streamboard", text, None, [address])


def _read(signed: str) -> Wanted | None:
    try:
        name, mail = signing.loads(signed, salt=SALT, max_age=LINK_LIVES)
    except (signing.BadSignature, ValueError):
        return None
    return Wanted(name, mail)


def _one_by_one() -> None:
    """Until the end of the transaction nobody else makes an account here, so that what is free stays free: the table of
    users compares names to the letter, and addresses not at all. The row that is locked is the right to add users."""
    adding = Permission.objects.select_for_update(of=("self",), no_key=True)
    adding.get(content_type__app_label="auth", codename="add_user")


def _is_taken(wanted: Wanted) -> bool:
    return _mail_is_taken(wanted.mail) or _name_is_taken(wanted.name)


def _name_is_taken(name: str) -> bool:
    """Also by one that differs in case or width only; SQLite compares without case in ASCII only."""
    forms_of_it = {name, same(name), name.lower(), name.upper(), name.title()}
    return User.objects.filter(Q(username__in=forms_of_it) | Q(username__iexact=name)).exists()


def _mail_is_taken(mail: str) -> bool:
    return User.objects.filter(email__iexact=mail).exists()

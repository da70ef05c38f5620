"""The pages of a person's own account: signing in, passwords, and the API tokens. Signing up: sign_up.py."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from items import tokens
from items.models import ApiToken
from items.services.turns import Busy
from items.values import texts
from project import mailing, site
from project.accounts import attempts
from project.accounts.sign_up import same
from project.demo import account as demo
from project.demo import opening
from project.hops import give_back

log = logging.getLogger(__name__)

TOKENS_EACH = 100  # live tokens a user
# Passwords that are looked at at the same time, each for some 0.3 s of a core: a hundred would leave nothing for
# the rest of the process.
PASSWORDS_AT_ONCE = max(2, (os.cpu_count() or 2) - 1)
PASSWORD_WAIT_S = 10.0  # for the turn to be looked at
# Those that wait for it, each in one of the threads of all requests (project/hops.py).
PASSWORDS_WAITING = 32

MANY = "Many people are signing in just now. Please try again in a moment."

_turns = threading.BoundedSemaphore(PASSWORDS_AT_ONCE)
_places = threading.BoundedSemaphore(PASSWORDS_AT_ONCE + PASSWORDS_WAITING)


def limited_sign_in(sign_in: Callable[..., Any]) -> Callable[..., Any]:
    """A view that signs in, for whom there were not too many failures (project/accounts/attempts.py). Whoever sends it
    a session of their own has succeeded no more than a stranger: only a password that was looked at counts."""

    @wraps(sign_in)
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST":
            return sign_in(request, *args, **kwargs)
        if not _places.acquire(blocking=False):
            raise Busy(MANY)
        try:
            give_back()  # whoever waits for a turn holds no connection
            if not _turns.acquire(timeout=PASSWORD_WAIT_S):
                raise Busy(MANY)
            try:
                return counted(request, *args, **kwargs)
            finally:
                _turns.release()
        finally:
            _places.release()

    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        address, name = attempts.address_of(request), request.POST.get("username", "")
        try:
            attempts.take(attempts.SIGN_IN, address)
            attempts.take(attempts.SIGN_IN_OF_NAME, address, name)
            if attempts.is_hearsay(request):
                attempts.take(attempts.SIGN_IN_BY_HEARSAY, name)
        except attempts.TooMany as error:
            return attempts.refusal(request, error)
        response = sign_in(request, *args, **kwargs)
        if attempts.has_signed_in(request):
            attempts.give_back(attempts.SIGN_IN, address)
            attempts.forget(attempts.SIGN_IN_OF_NAME, address, name)
            attempts.forget(attempts.SIGN_IN_BY_HEARSAY, name)
        else:
            log.warning("A sign-in failed: %s from %s.", attempts.shortened(name), address)
        return response

    return view


@method_decorator(limited_sign_in, name="post")
class SignIn(views.LoginView):
    """The sign-in page; while the demo runs it shows the demo account. Who is signed in is sent on, and no password of
    theirs is looked at: that is no try."""

    redirect_authenticated_user = True

    def get_success_url(self) -> str:
        """Where they wanted to go; who wanted nothing in particular sees the demonstration's board first."""
        wanted = super().get_success_url()
        if wanted != reverse("dashboard"):
            return wanted
        return opening.page_for(cast("User", self.request.user)) or wanted

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo=demo.account_for(self.request), sign_up=settings.SIGN_UP, **kwargs)


# Passwords ---------------------------------------------------------------------------------------------------------


class ChangePassword(views.PasswordChangeView):
    """Asks for the old password; the person's other sessions end, API tokens stay."""

    template_name = "registration/change_password.html"
    success_url = reverse_lazy("dashboard")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and not request.user.has_usable_password():
            raise PermissionDenied("This account has no password of its own, so there is none to change.")
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            attempts.take(attempts.OLD_PASSWORD, str(request.user.pk))
        except attempts.TooMany as error:
            return attempts.refusal(request, error)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        attempts.forget(attempts.OLD_PASSWORD, str(self.request.user.pk))
        messages.success(self.request, "Your password was changed. Other browsers have to sign in again.")
        return super().form_valid(form)


class ResetForm(PasswordResetForm):
    """Django's form for a forgotten password, with its mail sent after the answer."""

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        """Django's, after the answer: an address that somebody has takes no longer than one that nobody has."""
        mailing.send_later(partial(super().send_mail, *args, **kwargs))


class ResetPassword(views.PasswordResetView):
    """Sends a link by mail. Says the same, in the same time, whether the address is known or not."""

    form_class = ResetForm
    template_name = "registration/reset_password.html"
    email_template_name = "registration/reset_password_mail.txt"
    subject_template_name = "registration/reset_password_subject.txt"
    success_url = reverse_lazy("password_reset_sent")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            attempts.take(attempts.RESET, attempts.address_of(request))
            attempts.take(attempts.RESET_OF_MAIL, same(request.POST.get("email", "")))
        except attempts.TooMany as error:
            return attempts.refusal(request, error)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        self.extra_email_context = {"domain": site.host_of(self.request)}
        if settings.HTTPS:  # behind a proxy the request itself may not know
            self.extra_email_context["protocol"] = "https"
        return super().form_valid(form)


class ResetPasswordSent(views.PasswordResetDoneView):
    """Says that a mail is on its way, if the address is known."""

    template_name = "registration/reset_password_sent.html"


class ChooseNewPassword(views.PasswordResetConfirmView):
    """Where the mail's link leads: once, and not for long (PASSWORD_RESET_TIMEOUT)."""

    template_name = "registration/choose_new_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your new password works from now on. Sign in with it.")
        return super().form_valid(form)


# API tokens --------------------------------------------------------------------------------------------------------


TOKEN_LIVES = ((7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year"), (0, "until it is revoked"))


class TokenForm(forms.Form):
    """What a new API token is for."""

    name = forms.CharField(
        label="What is it for?",
        max_length=100,
        validators=[texts.validate_one_line],
        help_text="To recognise it later, for example “import script on my laptop”.",
        error_messages={"required": "Say what the token is for."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label="How long does it work?",
        choices=TOKEN_LIVES,
        coerce=int,
        initial=tokens.DAYS,
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def token_list(request: HttpRequest) -> HttpResponse:
    """A person's own tokens. A new one's secret is in the answer to the form that made it, and nowhere else."""
    user = _person(request)
    form = TokenForm(request.POST if request.method == "POST" else None)
    secret = ""
    live = ApiToken.objects.filter(user=user, revoked_at__isnull=True)
    if form.is_valid():
        with transaction.atomic():
            # The person's row is the lock: two forms that are sent at the same time count each other.
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            if live.count() < TOKENS_EACH:
                secret = tokens.issue(user, form.cleaned_data["name"], form.cleaned_data["days"] or None)
        if secret:
            form = TokenForm()
        else:
            form.add_error(None, f"You have {TOKENS_EACH} tokens, which is the most. Revoke one first.")
    context = {"form": form, "secret": secret, "tokens": list(live[:TOKENS_EACH])}
    return render(request, "registration/tokens.html", context)


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Takes one of the person's own tokens back; somebody else's is not found."""
    token = get_object_or_404(ApiToken, pk=token_id, user=_person(request))
    tokens.revoke(token)
    messages.success(request, f"The token “{token.name or 'without a name'}” does not work any more.")
    return redirect("tokens")


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user

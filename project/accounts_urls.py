"""The addresses below /accounts/."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from project import accounts

urlpatterns = [
    path("login/", accounts.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("sign-up/", accounts.sign_up, name="sign_up"),
    path("password/", accounts.ChangePassword.as_view(), name="change_password"),
    path("password/reset/", accounts.ResetPassword.as_view(), name="password_reset"),
    path("password/reset/sent/", accounts.ResetPasswordSent.as_view(), name="password_reset_sent"),
    path("password/reset/<uidb64>/<token>/", accounts.ChooseNewPassword.as_view(), name="password_reset_confirm"),
    path("tokens/", accounts.token_list, name="tokens"),
    path("tokens/<int:token_id>/revoke/", accounts.revoke_token, name="revoke_token"),
]

"""The addresses below /accounts/."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from project.accounts import sign_up, views

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("sign-up/", sign_up.sign_up, name="sign_up"),
    path("sign-up/<str:signed>/", sign_up.finish, name="sign_up_finish"),
    path("password/", views.ChangePassword.as_view(), name="change_password"),
    path("password/reset/", views.ResetPassword.as_view(), name="password_reset"),
    path("password/reset/sent/", views.ResetPasswordSent.as_view(), name="password_reset_sent"),
    path("password/reset/<uidb64>/<token>/", views.ChooseNewPassword.as_view(), name="password_reset_confirm"),
    path("tokens/", views.token_list, name="tokens"),
    path("tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke_token"),
]

"""The addresses of the boards' pages, below /boards/."""

from django.urls import path

from streams.boards import pages

app_name = "boards"
urlpatterns = [
    path("", pages.board_list, name="list"),
    path("<slug:slug>/", pages.board, name="board"),
]

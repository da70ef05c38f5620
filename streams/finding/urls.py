"""The address of the topics' page, below /topics/."""

from django.urls import path

from streams.finding import pages

app_name = "topics"
urlpatterns = [path("", pages.topic_list, name="list")]

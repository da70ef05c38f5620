"""The one WebSocket address."""

from channels.routing import URLRouter
from django.urls import path

from streams.socket.consumer import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]

# Without Channels' session middleware: it looks the session over at every frame that is sent. The handshake's session
# is read once, in streams/socket/admission.py.
application = URLRouter(websocket_urlpatterns)

"""The one WebSocket address, /ws/live/; project/asgi.py refuses all others."""

from streams.socket.consumer import LiveConsumer

# Without Channels' session middleware: it looks the session over at every frame that is sent. The handshake's session
# is read once, in streams/socket/admission.py.
application = LiveConsumer.as_asgi()

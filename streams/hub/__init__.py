"""The live side of a web process: a log a topic, a place a connection, and who watches both."""

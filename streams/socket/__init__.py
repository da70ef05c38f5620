"""The live socket: who is let in, what a client asks for, where its streams begin."""

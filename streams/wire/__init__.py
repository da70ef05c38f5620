"""What travels: records, the ranges they form, the frames of a socket and the layer's message."""

"""Boards that people keep: what one is, who may see and change it, and the only writers of boards."""

"""The demonstration: a week of earthquakes, replayed."""

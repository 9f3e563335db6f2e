"""Side by side with what a person would use in its place, in one run, on one machine."""

"""All of it on one machine, under one small supervisor."""

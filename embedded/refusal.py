"""The one exception of this folder that a user meets."""


class Refused(Exception):
    """The stack cannot start or go on. The message is one line: what is wrong, and what to do."""

"""All of it on one machine: the supervisor, the embedded broker, the demo."""

"""Train feed-forward neural networks: in process, or on a steepest service."""

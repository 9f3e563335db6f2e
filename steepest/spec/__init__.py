"""What a job is: the words, rules and shapes that every other floor speaks. Pydantic models only; no I/O, no arrays."""

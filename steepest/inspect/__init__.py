"""Pictures and figures of what happened inside a training: arrays in, arrays or pictures out."""

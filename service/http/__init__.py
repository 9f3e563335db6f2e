"""The border: how a request is read, who may ask, what answers and errors look like, how all of it is documented."""

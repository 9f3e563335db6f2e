"""File formats, one file each: `sniff` decides which one an upload has, `opening` reads it."""

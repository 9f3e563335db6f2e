"""All that outlives a process: rows, blobs, the life of a job, and the queue."""

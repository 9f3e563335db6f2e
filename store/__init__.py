"""All that outlives a process: rows, the job's transitions, blobs, the queue, the reconciler, admin commands.

Functions take a SQLAlchemy `Session` and never commit: whoever opened the transaction
(`with database.write() as session`) owns it, so that several changes become true together or not at all.
"""

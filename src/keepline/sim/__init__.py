"""A world for the call core: virtual time, a lossy network, callers, media and a node that can die at any instant.

The core in it is the one that runs in a node; everything around it is a fake that keeps the same rules. A seed decides
all of it, so a failure is replayed by its seed. It refuses to know sockets and real time.
"""

"""Services that speak HTTP and JSON, described by the operation file alone.

The client is imported where a path of this kind is used: an operation without one pays nothing for it.
"""

"""The web and the API of a node, a process of its own: it may die without a call noticing, and sees nothing but what
the node and its journal say. It decides nothing.
"""

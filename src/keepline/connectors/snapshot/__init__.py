"""A copy of what a service knows, kept on this machine, for questions that must be answered while it is away.

One process makes the copy (`source`), another reads it (`client`); between them is a file (`file`) that is whole or not
there.
"""

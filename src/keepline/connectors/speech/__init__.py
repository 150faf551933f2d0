"""Prompts made audible: texts spoken by an engine, recordings brought to 8 kHz, both stored as G.711.

The work is done in a process of its own (`python -m keepline.connectors.speech`), because an engine is slow, native and
under a licence of its own. The rest of Keepline knows `client` alone; importing this package imports nothing else.
"""

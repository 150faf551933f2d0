"""What the operation needs from outside, one folder each of the same shape, behind an interface each.

Every folder has a `quality.yaml`: what is done, what is still to do, and what does not apply and why.
"""

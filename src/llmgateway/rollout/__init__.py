"""The decisions of a staged rollout: what the counts prove, where a rollout may go next, and how to say so.

Pure: counts and times in, values out. Who counts, keeps, asks people and moves the weights is elsewhere.
"""

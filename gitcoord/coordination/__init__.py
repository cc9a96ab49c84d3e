"""What passes between agents and people.

approvals.py  calls of tools and plans that wait for a person's yes or no
"""

"""A real parser and evaluator for the subset of SOQL that reads one object.

What it does not know (GROUP BY, FIELDS(), relationships, date functions) it refuses; it never guesses.
"""

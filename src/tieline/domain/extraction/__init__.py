"""What is to be found in a conversation, and what of a model's answer may be believed. Values in, values out.

Nothing rather than a guess: a value counts only with a quote that stands in the transcript and, where code can tell,
says it. Nothing here may ask a model, or trust one.
"""

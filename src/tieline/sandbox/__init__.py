"""Emulated CRMs for tests, demonstrations and trying things out.

Each CRM is an ASGI application that obeys the real one's formats, errors and limits and can be steered
through `/__sandbox__/`. Nothing in here may import another tieline package, and no other package may take
a constant from here: a sandbox that shared code with what it tests would agree with its mistakes.
"""

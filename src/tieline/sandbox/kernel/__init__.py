"""What the emulated CRMs have in common: the clock, faults, the request log, the admin routes and the server.

It knows nothing of any particular CRM.
"""

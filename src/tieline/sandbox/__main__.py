"""`python -m tieline.sandbox`."""

from tieline.sandbox.server import main

main()

"""Tieline keeps a CRM and a team's voice and chat agents in step."""

from importlib.metadata import version

__version__ = version("tieline")

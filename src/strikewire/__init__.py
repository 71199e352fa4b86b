"""Strikewire: the self-hosted, real-time back end and workstation of a derivatives desk."""

from importlib.metadata import version

__version__ = version("strikewire")

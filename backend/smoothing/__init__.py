"""Smoother animation: in-betweens for a film that exists, between its drawings and never across a cut."""

from .smooth import Smoothed, SmoothRequest, Watch, smooth

__all__ = ["SmoothRequest", "Smoothed", "Watch", "smooth"]

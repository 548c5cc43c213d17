"""alcli: choose what people label next, in files, one shell command a step."""

__version__ = "0.1.0"

"""Likeness server: WebRTC calls, portraits and metrics around one inference thread.

Imports go one way: ``server -> streaming -> model``.
"""

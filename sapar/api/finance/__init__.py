"""Addresses of the finance desk."""

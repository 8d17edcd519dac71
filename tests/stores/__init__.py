"""Stores that a cluster's workers read from and write to, as servers of a test."""

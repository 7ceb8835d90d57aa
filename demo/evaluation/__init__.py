"""Measurements that stand in the documentation."""

"""Small files beside a library, and figures."""

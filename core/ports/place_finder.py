"""Names of positions, as a Protocol."""

from typing import Protocol

from core.domain.places import NOWHERE, Place


class PlaceFinder(Protocol):
    """Finds what a position is called, without any network. It may take a second to load at its first use."""

    def find(self, latitude: float, longitude: float) -> Place:
        """Find the names of a position in degrees of WGS 84; NOWHERE for what is no position.

        Raises PackageMissing where its tables are not installed.
        """
        ...


class UnknownPlaces:
    """A finder that knows no place."""

    def find(self, latitude: float, longitude: float) -> Place:
        return NOWHERE

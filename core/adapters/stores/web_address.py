"""Web addresses of pictures: parsing to one canonical spelling, and the check that an IP address is public."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import idna

MAX_LENGTH = 8192  # characters
_PORTS = {"http": 80, "https": 443}
_SAFE = "/:@!$&'()*+,;=-._~%[]?"  # what stays as it is in a path or query: also what is percent-encoded already
_CREDENTIALS = re.compile(r"(?<=//)[^/?#]*@")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A canonical http(s) address.

    `host` is lower-case ASCII (IDNA), or an IPv6 address without brackets. `target` is path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(text: str) -> WebAddress:
    """Parse an address into its canonical spelling. Raises ValueError, whose reason quotes no password."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise ValueError(f"an address of {len(text):,} characters, over the limit of {MAX_LENGTH:,}")
    if not text.isprintable() or "\\" in text.partition("?")[0]:
        raise ValueError("not an address: it holds control characters or backslashes")
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("not an address: its host or port is malformed") from error
    if scheme not in _PORTS:
        raise ValueError("not an http:// or https:// address")
    if "@" in parts.netloc:
        raise ValueError("it holds a user name or password, which are never sent; give an address without")
    if not host or port == 0:
        raise ValueError("not an address: it names no host")
    path = quote(_BARE_PERCENT.sub("%25", parts.path), safe=_SAFE) or "/"
    query = quote(_BARE_PERCENT.sub("%25", parts.query), safe=_SAFE)
    return WebAddress(scheme, _encode_host(host), port or _PORTS[scheme], f"{path}?{query}" if query else path)


def redact_credentials(text: str) -> str:
    """Return an invalid address without user name and password, cut at MAX_LENGTH, for records and messages."""
    text = _CREDENTIALS.sub("…@", text.strip())
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public internet.

    Loopback, private, link-local (metadata services) and other reserved addresses do not. Nor does an IPv6 address that
    embeds such an IPv4 address. Raises ValueError for what is no IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    return all(each.is_global and not each.is_multicast for each in (ip, *_unwrap_ipv6(ip)))


def _unwrap_ipv6(ip: Ip) -> list[Ip]:
    """Return the IPv4 addresses that an IPv6 address embeds."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    found: list[Ip] = [each for each in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())) if each is not None]
    return [*found, ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)] if ip in _NAT64 else found


def _encode_host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        if host.isascii():  # names with underscores, which no registry would take, are in use
            name = host.rstrip(".")
            fine = re.fullmatch(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}", name)
            if fine is None:
                raise ValueError("not an address: its host is no name")
            return name
        return idna.encode(host.rstrip("."), uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError("not an address: its host is no name") from error

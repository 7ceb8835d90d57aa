"""What to look at when a store refuses, or answers what was not expected."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from core.errors.hints import Configure

RIGHTS = Configure(
    "see that the access key and its secret are right ({} chooses a profile), and that they have the right "
    "s3:ListBucket (with {} s3:ListBucketVersions); where the reader pays, give {}",
    ("s3_profile", "s3_versioned", "s3_requester_pays"),
)
NOT_PUBLIC = Configure("the bucket is not public: leave {} away, and give credentials", ("s3_anonymous",))
NO_VERSIONS = Configure("the store cannot list versions: leave {} away", ("s3_versioned",))
ADDRESSING = Configure(
    "set {} to virtual for a store that wants the bucket's name in the host's, and to path for one that does not",
    ("s3_addressing",),
)
NAME_IN_CERTIFICATE = Configure(
    "see that {} has the name that the certificate is for; with {} path the bucket's name is kept out of it",
    ("s3_endpoint_url", "s3_addressing"),
)
HTTPS = Configure("give {} with https://", ("s3_endpoint_url",))
HTTP = Configure("give {} with http://, or with the port that speaks https", ("s3_endpoint_url",))
ELSEWHERE = Configure("set {} or {} to where it is", ("s3_region", "s3_endpoint_url"))
ELSEWHERE_OR_HTTPS = Configure(
    "set {} or {} to where it is, with https:// if it takes that alone", ("s3_region", "s3_endpoint_url")
)
REGION = Configure("set {} to the region of the bucket", ("s3_region",))

_ENDPOINT = Configure("see that {} is that of an S3 store, not of its console or web page", ("s3_endpoint_url",))
_ENDPOINT_OR_HTTPS = Configure(
    "see that {} is that of an S3 store, and whether it takes https:// instead of http://", ("s3_endpoint_url",)
)
_BUCKET = Configure("see that its name and {} are right", ("s3_endpoint_url",))
_BUCKET_IN_ENDPOINT = Configure(
    "{} names the bucket already: give it without, and set {} to virtual where the store wants it in the host's name",
    ("s3_endpoint_url", "s3_addressing"),
)
_ADDRESSING_CODES = frozenset(
    ("SecondLevelDomainForbidden", "PathStyleDomainForbidden", "VirtualHostDomainRequired", "InvalidPathAccess")
)
_ADDRESSING_WORDS = re.compile(
    r"virtual[- ]?(host|styled?|domain)|third[- ]level domain|path[- ]?style|addressed using", re.IGNORECASE
)
_SKEW = timedelta(minutes=5)


def wants_other_addressing(code: str, message: str) -> bool:
    """Whether an error says that the bucket has to be named elsewhere: in the host's name, or behind it."""
    if code == "PermanentRedirect":  # Amazon's, whose words are of the region
        return False
    return code in _ADDRESSING_CODES or _ADDRESSING_WORDS.search(message) is not None


def name_bucket(endpoint: str, bucket: str) -> Configure:
    """Say what to look at where there is no such bucket."""
    return _BUCKET_IN_ENDPOINT if _names_bucket(endpoint, bucket) else _BUCKET


def name_endpoint(endpoint: str, bucket: str, *, plain_http: bool = False) -> Configure:
    """Say what to look at where what answers is no S3 store."""
    if _names_bucket(endpoint, bucket):
        return _BUCKET_IN_ENDPOINT
    return _ENDPOINT_OR_HTTPS if plain_http and endpoint.startswith("http://") else _ENDPOINT


def find_clock_skew(date: str | None) -> str | None:
    """Compare this machine's clock with the Date of an answer. Return what to say where they differ."""
    try:
        theirs = parsedate_to_datetime(date or "")
        apart = datetime.now(UTC) - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))
    except (ValueError, TypeError, OverflowError):
        return None
    if abs(apart) < _SKEW:
        return None
    minutes = abs(apart).total_seconds() / 60
    return f"this machine's clock is {minutes:,.0f} minutes {'fast' if apart > timedelta() else 'slow'}"


def _names_bucket(endpoint: str, bucket: str) -> bool:
    if "://" not in endpoint:
        return False
    parts = urlsplit(endpoint)
    return (parts.hostname or "").startswith(f"{bucket.lower()}.") or bucket in parts.path.split("/")

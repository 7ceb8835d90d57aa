"""The mapping of botocore's exceptions to those of BucketLens."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from botocore import exceptions as vendor
from urllib3.exceptions import HTTPError

from core.adapters.stores import s3_hints
from core.adapters.stores.circuit_breaker import TransientError
from core.errors import ImageGone, ImageUnavailable, ImageWithheld, SourceNotFound, StoreError
from core.errors.hints import Advice, Configure, Hint, TryAgain
from core.text.sanitize import plain

_GONE = frozenset(("NoSuchKey", "NoSuchVersion", "NotFound", "404"))
_DENIED = frozenset(("AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "403"))
_REDIRECTED = frozenset(("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed"))
_THROTTLED = frozenset(("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"))
_TRANSIENT = frozenset(("RequestTimeout", "OperationAborted", "InternalError", "ServiceUnavailable"))
_RENEW = TryAgain("renew the credentials")
_IDENTITY: dict[str, tuple[str, Hint]] = {
    "ExpiredToken": ("the credentials have expired", _RENEW),
    "ExpiredTokenException": ("the credentials have expired", _RENEW),
    "TokenRefreshRequired": ("the credentials have expired", _RENEW),
    "InvalidToken": ("the session token is not valid", _RENEW),
    "InvalidAccessKeyId": (
        "the store does not know the access key",
        Configure("see that {} and {} are right", ("s3_profile", "s3_endpoint_url")),
    ),
    "SignatureDoesNotMatch": (
        "the secret key does not fit the access key",
        Configure("see that {} is right", ("s3_profile",)),
    ),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", TryAgain("set the clock")),
}
_GIVE_CREDENTIALS = Configure(
    "name a profile with {}, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give {} for a public bucket",
    ("s3_profile", "s3_anonymous"),
)
_CREDENTIALS = (
    vendor.CredentialRetrievalError,
    vendor.PartialCredentialsError,
    vendor.TokenRetrievalError,
    vendor.SSOError,
    vendor.LoginError,
    vendor.MetadataRetrievalError,
    vendor.RefreshWithMFAUnsupportedError,
)
_TRANSPORT = (vendor.HTTPClientError, vendor.ConnectionError, HTTPError, OSError)
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_TRUNCATED = (vendor.IncompleteReadError, vendor.ResponseStreamingError, vendor.FlexibleChecksumError)


_WORDS = 300  # characters of what a store says


class ConditionRefused(Exception):
    """The object is not the one that If-Match names, or the store does not take that header."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The target of a request, for messages. `key` is None for a listing, which is of versions where `versioned`."""

    source: str
    bucket: str
    endpoint: str
    key: str | None = None
    versioned: bool = False
    anonymous: bool = False

    def of(self, key: str) -> "RequestContext":
        """Return the context of a request for an object."""
        return replace(self, key=key)


@contextmanager
def map_errors(request: RequestContext) -> Iterator[None]:
    """Map botocore's exceptions: TransientError for faults that may be over soon, StoreError for all others."""
    try:
        yield
    except vendor.ClientError as error:
        raise _map_response(error, request) from error
    except RecursionError as error:  # botocore follows a redirection that leads to itself
        raise _make_redirect_error(request, None, None) from error
    except (vendor.BotoCoreError, HTTPError, OSError) as error:
        raise _map_transport(error, request) from error


def map_misunderstanding(request: RequestContext, told: str, *, versioned: bool = False) -> StoreError:
    """Map an answer that is none of S3; `told` says what it is."""
    if request.key is not None:
        return ImageUnavailable(f"cannot be read: the store answered {told}")
    hint = s3_hints.NO_VERSIONS if versioned else s3_hints.name_endpoint(request.endpoint, request.bucket)
    return StoreError(f"{request.source} cannot be listed: {request.endpoint} answered {told}", hint)


def describe_archive(storage_class: str | None, tier: str | None = None) -> str:
    """Describe where an archived object is, the same for every object that is there."""
    if not storage_class:
        return "archived; it has to be restored before it can be read"
    where = f"{plain(storage_class)} ({plain(tier)})" if tier else plain(storage_class)
    return f"in the storage class {where}, which has to be restored before it can be read"


def read_status(error: vendor.ClientError) -> int:
    """Return the HTTP status of the response; 0 where there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _map_response(error: vendor.ClientError, request: RequestContext) -> Exception:
    """Map an error response of the store."""
    details = error.response.get("Error", {})
    code, status = str(details.get("Code") or ""), read_status(error)
    words = _quote(code or str(status), details.get("Message"))
    if code in _THROTTLED or status in (429, 503):
        return TransientError(f"it asks to slow down ({code or status})")
    if code in _TRANSIENT or (status >= 500 and status != 501):
        return TransientError(f"it failed with {code or status}", service_wide=False)
    if code in _IDENTITY:
        reason, hint = _IDENTITY[code]
        return StoreError(f"{request.source}: {reason}", hint)
    if s3_hints.wants_other_addressing(code, str(details.get("Message") or "")):
        return StoreError(f"{request.source}: the store answered {words}", s3_hints.ADDRESSING)
    if code == "NoSuchBucket" or (request.key is None and status == 404):
        return SourceNotFound(
            request.source,
            f"there is no bucket {request.bucket} at {request.endpoint}",
            s3_hints.name_bucket(request.endpoint, request.bucket),
        )
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if code in _REDIRECTED or status in (301, 302, 307, 308):
        region = details.get("Region") or headers.get("x-amz-bucket-region")
        return _make_redirect_error(request, region, headers.get("location"))
    if code == "InvalidObjectState":
        return ImageWithheld(describe_archive(details.get("StorageClass"), details.get("AccessTier")))
    denied = code in _DENIED or status in (401, 403)
    if request.key is None:
        return _map_refused_listing(request, words, status, denied=denied, headers=headers)
    if code in _GONE or status == 404:
        return ImageGone("deleted since it was listed")
    if denied:
        right = "s3:GetObjectVersion" if request.versioned else "s3:GetObject"
        return ImageUnavailable(
            "reading it is denied", Advice(f"it takes the right {right} (and kms:Decrypt if encrypted)")
        )
    return ImageUnavailable(f"cannot be read: {words}")


def _map_refused_listing(
    request: RequestContext, words: str, status: int, *, denied: bool, headers: Mapping[str, str]
) -> StoreError:
    skew = s3_hints.find_clock_skew(headers.get("date"))
    if (denied or status == 400) and skew is not None:
        return StoreError(f"listing {request.source} is refused: {words}; {skew}", TryAgain("set the clock"))
    if denied:
        hint = s3_hints.NOT_PUBLIC if request.anonymous else s3_hints.RIGHTS
        return StoreError(f"listing {request.source} is denied: {words}", hint)
    if request.versioned and status in (400, 405, 501):
        return StoreError(f"the versions of {request.source} cannot be listed: {words}", s3_hints.NO_VERSIONS)
    return StoreError(
        f"{request.source} cannot be listed: {words} ({request.endpoint})",
        s3_hints.name_endpoint(request.endpoint, request.bucket, plain_http=words.startswith("400")),
    )


def _quote(code: str, message: object) -> str:
    """Quote what the store says, in one printable line."""
    words = plain(" ".join(f"{code} {message or ''}".split()))
    return words if len(words) <= _WORDS else f"{words[: _WORDS - 1]}…"


def _make_redirect_error(request: RequestContext, region: str | None, location: str | None) -> StoreError:
    plain_http = request.endpoint.startswith("http://")
    if plain_http and (location or "").startswith("https://"):
        return StoreError(f"{request.source}: {request.endpoint} leads on to https", s3_hints.HTTPS)
    where = f"the region {region}" if region else "another region"
    return StoreError(
        f"{request.source} is in {where} or at another address",
        s3_hints.ELSEWHERE_OR_HTTPS if plain_http and not region else s3_hints.ELSEWHERE,
    )


def _map_transport(error: Exception, request: RequestContext) -> Exception:
    """Map a request without a response. The message quotes no address or header, which may hold credentials."""
    if isinstance(error, vendor.NoCredentialsError):
        return StoreError(f"{request.source}: there are no credentials", _GIVE_CREDENTIALS)
    if isinstance(error, _CREDENTIALS):
        return StoreError(f"{request.source}: the credentials cannot be had ({type(error).__name__})", _RENEW)
    if isinstance(error, vendor.ParamValidationError):
        return SourceNotFound(request.source, f"{request.bucket!r} cannot be the name of a bucket")
    if isinstance(error, vendor.SSLError):
        return _map_tls(error, request)
    if request.endpoint.startswith("http://") and "BadStatusLine" in str(error):
        return StoreError(f"{request.source}: what {request.endpoint} answers is no HTTP", s3_hints.HTTPS)
    if isinstance(error, vendor.ConnectTimeoutError):
        return TransientError("no connection in time")
    if isinstance(error, vendor.ReadTimeoutError):
        return TransientError("no answer in time")
    if isinstance(error, vendor.EndpointConnectionError):
        return TransientError("the address cannot be found, or refuses the connection")
    if isinstance(error, _TRUNCATED):
        return TransientError(f"its bytes came damaged or not whole ({type(error).__name__})", service_wide=False)
    if isinstance(error, _TRANSPORT):
        return TransientError(f"the connection broke ({type(error).__name__})")
    if isinstance(error, vendor.NoRegionError | vendor.InvalidRegionError):
        return StoreError(f"{request.source}: the region is missing, or is none", s3_hints.REGION)
    return StoreError(
        f"{request.source}: {type(error).__name__}",
        Configure("see that {} and {} are right", ("s3_endpoint_url", "s3_profile")),
    )


def _map_tls(error: Exception, request: RequestContext) -> Exception:
    """Map what went wrong before anything could be asked."""
    told = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in told:
        mismatch = "ostname mismatch" in told or "doesn't match" in told
        return StoreError(
            f"{request.source}: {request.endpoint} does not prove its identity (its certificate is "
            f"{'of another name' if mismatch else 'not trusted'})",
            s3_hints.NAME_IN_CERTIFICATE
            if mismatch
            else Advice("set AWS_CA_BUNDLE to the file of the authority that signed it"),
        )
    if any(sign in told.upper().replace(" ", "_") for sign in _NO_TLS):
        return StoreError(f"{request.source}: {request.endpoint} does not speak https", s3_hints.HTTP)
    return TransientError(f"the connection broke ({type(error).__name__})")

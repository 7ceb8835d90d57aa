"""The mapping of botocore's exceptions to those of BucketLens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore import exceptions as vendor
from urllib3.exceptions import HTTPError

from core.adapters.stores.circuit_breaker import TransientError
from core.errors import ImageGone, ImageUnavailable, ImageWithheld, SourceNotFound, StoreError
from core.errors.hints import Advice, Configure, Hint, TryAgain

_GONE = frozenset(("NoSuchKey", "NoSuchVersion", "NotFound", "404"))
_DENIED = frozenset(("AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "403"))
_REDIRECTED = frozenset(("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307"))
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
_RIGHTS = Configure(
    "it takes the right s3:ListBucket (with {} s3:ListBucketVersions), and {} where the reader pays",
    ("s3_versioned", "s3_requester_pays"),
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
_TRUNCATED = (vendor.IncompleteReadError, vendor.ResponseStreamingError, vendor.FlexibleChecksumError)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The target of a request, for messages. `key` is None for a listing."""

    source: str
    bucket: str
    endpoint: str
    key: str | None = None


@contextmanager
def map_errors(request: RequestContext) -> Iterator[None]:
    """Map botocore's exceptions: TransientError for faults that may be over soon, StoreError for all others."""
    try:
        yield
    except vendor.ClientError as error:
        raise _map_response(error, request) from error
    except RecursionError as error:  # botocore follows a redirection that leads to itself
        raise _make_redirect_error(request, None) from error
    except (vendor.BotoCoreError, HTTPError, OSError) as error:
        raise _map_transport(error, request) from error


def read_status(error: vendor.ClientError) -> int:
    """Return the HTTP status of the response; 0 where there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _map_response(error: vendor.ClientError, request: RequestContext) -> Exception:
    """Map an error response of the store."""
    details = error.response.get("Error", {})
    code, status = str(details.get("Code", "")), read_status(error)
    if code in _THROTTLED or status in (429, 503):
        return TransientError(f"it asks to slow down ({code or status})")
    if code in _TRANSIENT or (status >= 500 and status != 501):
        return TransientError(f"it failed with {code or status}", service_wide=False)
    if code in _IDENTITY:
        reason, hint = _IDENTITY[code]
        return StoreError(f"{request.source}: {reason}", hint)
    if code == "NoSuchBucket" or (request.key is None and status == 404):
        return SourceNotFound(
            request.source,
            f"there is no bucket {request.bucket} at {request.endpoint}",
            Configure("see that its name and {} are right", ("s3_endpoint_url",)),
        )
    if code in _REDIRECTED or status in (301, 307):
        return _make_redirect_error(request, details.get("Region"))
    if code == "InvalidObjectState":
        return ImageWithheld("archived: it cannot be read until it has been restored")
    if request.key is not None:
        if code in _GONE or status == 404:
            return ImageGone("deleted since it was listed")
        if code in _DENIED or status == 403:
            return ImageUnavailable(
                "reading it is denied", Advice("it takes the right s3:GetObject (and kms:Decrypt if encrypted)")
            )
        return ImageUnavailable(f"cannot be read: {code or status} {details.get('Message', '')}".rstrip())
    if code in _DENIED or status == 403:
        return StoreError(f"listing {request.source} is denied", _RIGHTS)
    answer = f"{code or status} {details.get('Message', '')}".rstrip()
    return StoreError(
        f"{request.source} cannot be listed: {answer} ({request.endpoint})",
        Configure("see that {} is that of an S3 store", ("s3_endpoint_url",)),
    )


def _make_redirect_error(request: RequestContext, region: str | None) -> StoreError:
    where = f"the region {region}" if region else "another region"
    return StoreError(
        f"{request.source} is in {where} or at another address",
        Configure("set {} or {} to where it is", ("s3_region", "s3_endpoint_url")),
    )


def _map_transport(error: Exception, request: RequestContext) -> Exception:
    """Map a request without a response. The message quotes no address or header, which may hold credentials."""
    if isinstance(error, vendor.NoCredentialsError):
        return StoreError(f"{request.source}: there are no credentials", _GIVE_CREDENTIALS)
    if isinstance(error, _CREDENTIALS):
        return StoreError(f"{request.source}: the credentials cannot be had ({type(error).__name__})", _RENEW)
    if isinstance(error, vendor.ParamValidationError):
        return SourceNotFound(request.source, f"{request.bucket!r} cannot be the name of a bucket")
    if isinstance(error, vendor.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return StoreError(
            f"{request.source}: {request.endpoint} does not prove its identity (its certificate is not trusted)",
            Advice("set AWS_CA_BUNDLE to the file of the authority that signed it"),
        )
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
    return StoreError(
        f"{request.source}: {type(error).__name__}",
        Configure("see that {} and {} are right", ("s3_endpoint_url", "s3_profile")),
    )

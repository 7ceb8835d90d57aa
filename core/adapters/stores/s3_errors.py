"""What botocore raises -> what BucketLens raises, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore import exceptions as vendor
from urllib3.exceptions import HTTPError

from core.adapters.stores.circuit_breaker import NoAnswer
from core.errors import ImageGone, ImageUnavailable, ImageWithheld, SourceNotFound, StoreError
from core.errors.hints import Advice, Configure, Hint, TryAgain

_GONE = frozenset(("NoSuchKey", "NoSuchVersion", "NotFound", "404"))
_DENIED = frozenset(("AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "403"))
_ELSEWHERE = frozenset(("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307"))
_THROTTLED = frozenset(("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"))
_PASSING = frozenset(("RequestTimeout", "OperationAborted", "InternalError", "ServiceUnavailable"))
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
_CUT = (vendor.IncompleteReadError, vendor.ResponseStreamingError, vendor.FlexibleChecksumError)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request was for. `key` is None for a listing."""

    source: str
    bucket: str
    endpoint: str
    key: str | None = None


@contextmanager
def mapped(asked: Asked) -> Iterator[None]:
    """Raise NoAnswer for what may be over soon, and for everything else of the vendor's a StoreError."""
    try:
        yield
    except vendor.ClientError as error:
        raise _of_answer(error, asked) from error
    except RecursionError as error:  # botocore follows a redirection that leads to itself
        raise _elsewhere(asked, None) from error
    except (vendor.BotoCoreError, HTTPError, OSError) as error:
        raise _of_transport(error, asked) from error


def status_of(error: vendor.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _of_answer(error: vendor.ClientError, asked: Asked) -> Exception:
    """The error of an answer that says no."""
    details = error.response.get("Error", {})
    code, status = str(details.get("Code", "")), status_of(error)
    if code in _THROTTLED or status in (429, 503):
        return NoAnswer(f"it asks to slow down ({code or status})")
    if code in _PASSING or (status >= 500 and status != 501):
        return NoAnswer(f"it failed with {code or status}", everywhere=False)
    if code in _IDENTITY:
        reason, hint = _IDENTITY[code]
        return StoreError(f"{asked.source}: {reason}", hint)
    if code == "NoSuchBucket" or (asked.key is None and status == 404):
        return SourceNotFound(
            asked.source,
            f"there is no bucket {asked.bucket} at {asked.endpoint}",
            Configure("see that its name and {} are right", ("s3_endpoint_url",)),
        )
    if code in _ELSEWHERE or status in (301, 307):
        return _elsewhere(asked, details.get("Region"))
    if code == "InvalidObjectState":
        return ImageWithheld("archived: it cannot be read until it has been restored")
    if asked.key is not None:
        if code in _GONE or status == 404:
            return ImageGone("deleted since it was listed")
        if code in _DENIED or status == 403:
            return ImageUnavailable(
                "reading it is denied", Advice("it takes the right s3:GetObject (and kms:Decrypt if encrypted)")
            )
        return ImageUnavailable(f"cannot be read: {code or status} {details.get('Message', '')}".rstrip())
    if code in _DENIED or status == 403:
        return StoreError(f"listing {asked.source} is denied", _RIGHTS)
    told = f"{code or status} {details.get('Message', '')}".rstrip()
    return StoreError(
        f"{asked.source} cannot be listed: {told} ({asked.endpoint})",
        Configure("see that {} is that of an S3 store", ("s3_endpoint_url",)),
    )


def _elsewhere(asked: Asked, region: str | None) -> StoreError:
    where = f"the region {region}" if region else "another region"
    return StoreError(
        f"{asked.source} is in {where} or at another address",
        Configure("set {} or {} to where it is", ("s3_region", "s3_endpoint_url")),
    )


def _of_transport(error: Exception, asked: Asked) -> Exception:
    """The error of a request that brought no answer, or could not be made. Never quotes addresses or headers."""
    if isinstance(error, vendor.NoCredentialsError):
        return StoreError(f"{asked.source}: there are no credentials", _GIVE_CREDENTIALS)
    if isinstance(error, _CREDENTIALS):
        return StoreError(f"{asked.source}: the credentials cannot be had ({type(error).__name__})", _RENEW)
    if isinstance(error, vendor.ParamValidationError):
        return SourceNotFound(asked.source, f"{asked.bucket!r} cannot be the name of a bucket")
    if isinstance(error, vendor.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return StoreError(
            f"{asked.source}: {asked.endpoint} does not prove its identity (its certificate is not trusted)",
            Advice("set AWS_CA_BUNDLE to the file of the authority that signed it"),
        )
    if isinstance(error, vendor.ConnectTimeoutError):
        return NoAnswer("no connection in time")
    if isinstance(error, vendor.ReadTimeoutError):
        return NoAnswer("no answer in time")
    if isinstance(error, vendor.EndpointConnectionError):
        return NoAnswer("the address cannot be found, or refuses the connection")
    if isinstance(error, _CUT):
        return NoAnswer(f"its bytes came damaged or not whole ({type(error).__name__})", everywhere=False)
    if isinstance(error, _TRANSPORT):
        return NoAnswer(f"the connection broke ({type(error).__name__})")
    return StoreError(
        f"{asked.source}: {type(error).__name__}",
        Configure("see that {} and {} are right", ("s3_endpoint_url", "s3_profile")),
    )

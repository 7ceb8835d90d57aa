"""What botocore raises -> what BucketLens raises, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore import exceptions as vendor
from urllib3.exceptions import HTTPError

from core.adapters.stores.circuit_breaker import NoAnswer
from core.errors import ImageGone, ImageUnavailable, ImageWithheld, SourceNotFound, StoreError

_GONE = frozenset(("NoSuchKey", "NoSuchVersion", "NotFound", "404"))
_DENIED = frozenset(("AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "403"))
_ELSEWHERE = frozenset(("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307"))
_THROTTLED = frozenset(("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"))
_PASSING = frozenset(("RequestTimeout", "OperationAborted", "InternalError", "ServiceUnavailable"))
_IDENTITY = {
    "ExpiredToken": "the credentials have expired; renew them",
    "ExpiredTokenException": "the credentials have expired; renew them",
    "TokenRefreshRequired": "the credentials have expired; renew them",
    "InvalidToken": "the session token is not valid; renew the credentials",
    "InvalidAccessKeyId": "the store does not know the access key; see that --profile and --endpoint-url are right",
    "SignatureDoesNotMatch": "the secret key does not fit the access key; see that --profile is right",
    "RequestTimeTooSkewed": "this machine's clock is wrong; set it",
}
_NO_CREDENTIALS = (
    "there are no credentials; give --profile NAME, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or give --no-sign-request for a public bucket"
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
        return StoreError(f"{asked.source}: {_IDENTITY[code]}, then run the same command again")
    if code == "NoSuchBucket" or (asked.key is None and status == 404):
        return SourceNotFound(
            asked.source,
            f"there is no bucket {asked.bucket} at {asked.endpoint}; see that its name and --endpoint-url are right",
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
                "reading it is denied; it takes the right s3:GetObject (and kms:Decrypt if encrypted)"
            )
        return ImageUnavailable(f"cannot be read: {code or status} {details.get('Message', '')}".rstrip())
    if code in _DENIED or status == 403:
        return StoreError(
            f"listing {asked.source} is denied; it takes the right s3:ListBucket (with --versioned "
            "s3:ListBucketVersions), and --requester-pays where the reader pays"
        )
    return StoreError(
        f"{asked.source} cannot be listed: {code or status} {details.get('Message', '')}; see that --endpoint-url "
        f"({asked.endpoint}) is that of an S3 store"
    )


def _elsewhere(asked: Asked, region: str | None) -> StoreError:
    where = f"the region {region}" if region else "another region"
    return StoreError(
        f"{asked.source} is in {where} or at another address; set BUCKETLENS_S3_REGION or --endpoint-url to where it is"
    )


def _of_transport(error: Exception, asked: Asked) -> Exception:
    """The error of a request that brought no answer, or could not be made. Never quotes addresses or headers."""
    if isinstance(error, vendor.NoCredentialsError):
        return StoreError(f"{asked.source}: {_NO_CREDENTIALS}")
    if isinstance(error, _CREDENTIALS):
        return StoreError(f"{asked.source}: the credentials cannot be had ({type(error).__name__}); renew them")
    if isinstance(error, vendor.ParamValidationError):
        return SourceNotFound(asked.source, f"{asked.bucket!r} cannot be the name of a bucket")
    if isinstance(error, vendor.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return StoreError(
            f"{asked.source}: {asked.endpoint} does not prove its identity (its certificate is not trusted); set "
            "AWS_CA_BUNDLE to the file of the authority that signed it"
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
    return StoreError(f"{asked.source}: {type(error).__name__}; see that --endpoint-url and --profile are right")

"""The few requests that are sent to an S3 store, and its answers as they came.

botocore signs, sends and tries again. What an answer says is read here, from its headers and its body. botocore's own
parser raises for a date or a number that is none, even in headers that we do not need.

Objects are read by obstore where it can: core.adapters.stores.obstore_client says where.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import where
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError
from botocore.session import get_session

from core.adapters.stores.circuit_breaker import TransientError
from core.adapters.stores.obstore_client import ObstoreClient
from core.adapters.stores.s3_errors import (
    ConditionRefused,
    RequestContext,
    map_errors,
    map_misunderstanding,
    read_status,
)
from core.adapters.stores.s3_listing import ListingPage, NoListing, parse_page
from core.errors import InvalidSetting
from core.errors.hints import Configure
from core.settings import Settings

_ATTEMPTS = 2  # botocore's own of one call; core.adapters.stores.circuit_breaker tries again above them
_MISUNDERSTOOD = (ResponseParserError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)


class Body(Protocol):
    """The bytes of an object, as they come."""

    def read(self, most: int) -> bytes:
        """Return up to so many bytes; none at the end. Raises what core.adapters.stores.s3_errors maps to."""

    def close(self) -> None:
        """Let go of what is left."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered about one object. Names of headers are lower-case."""

    headers: Mapping[str, str]
    body: Body


class _Boto3Body:
    """A body that boto3 reads; its errors are mapped."""

    def __init__(self, stream: Any, context: RequestContext) -> None:
        self._stream = stream
        self._context = context

    def read(self, most: int) -> bytes:
        with map_errors(self._context):
            try:
                part: bytes = self._stream.read(most)
            except ValueError:  # botocore compares what came with a Content-Length that is no number
                return b""
        return part

    def close(self) -> None:
        self._stream.close()


class _LastRequest(threading.local):
    """The request that this thread sent last."""

    sent: Any = None

    def take(self, request: Any, **_: object) -> None:
        self.sent = request


class S3Client:
    """Asks one bucket of one store. Several threads may share it.

    Raises what core.adapters.stores.s3_errors maps to, and InvalidSetting where no client can be made.
    """

    def __init__(self, settings: Settings, request: RequestContext) -> None:
        self._request = request
        self._versioned = settings.s3.versioned
        self._payer = {"RequestPayer": "requester"} if settings.s3.requester_pays else {}
        vendor, session = _make_session(settings)
        self._client = _make_client(session, settings)
        self._obstore = _make_obstore_client(vendor, settings, request.bucket)
        self._last = _LastRequest()
        events = self._client.meta.events
        events.register_last("before-send.s3", self._last.take)
        for operation in ("ListObjectsV2", "ListObjectVersions"):
            # "*" is heard before "s3", whose own handler makes a status 500 of everything that is no XML
            events.register_first(f"before-parse.*.{operation}", _take_listing)
        for operation in ("GetObject", "HeadObject"):
            events.register_first(f"before-parse.*.{operation}", _take_headers)

    def list_page(
        self, prefix: str, following: Mapping[str, str], *, limit: int | None = None, delimiter: str | None = None
    ) -> ListingPage:
        """List a page of the objects whose keys begin with `prefix`, at most `limit` of them.

        Keys with a `delimiter` behind the prefix are summed up as folders.
        """
        operation = "list_object_versions" if self._versioned else "list_objects_v2"
        found = self._ask(
            operation,
            self._request,
            Prefix=prefix,
            EncodingType="url",
            OptionalObjectAttributes=["RestoreStatus"],
            **({} if limit is None else {"MaxKeys": limit}),
            **({} if delimiter is None else {"Delimiter": delimiter}),
            **following,
        )
        try:
            return parse_page(found.get("Listing", b""), versioned=self._versioned)
        except NoListing as error:
            if not error.whole:
                raise TransientError(f"it answered {error.told}", service_wide=False) from error
            raise map_misunderstanding(self._request, error.told, versioned=self._versioned) from error

    def get(
        self, key: str, version: str | None = None, if_match: str | None = None, byte_range: str | None = None
    ) -> Answer:
        """Begin to read an object, or such a range of it as "bytes=0-99"; the caller closes the body.

        Raises ConditionRefused where it is not `if_match`, or has no such range.
        """
        by_obstore = self._obstore.suits(key)
        if by_obstore and (found := self._obstore.get(key, version, if_match, byte_range)) is not None:
            return Answer(*found)
        try:
            answer = self._get_by_boto3(key, version, if_match, byte_range)
        except TransientError:
            if by_obstore:
                self._obstore.rest()
            raise
        if by_obstore:
            self._obstore.rest()
        return answer

    def get_quickly(self, key: str, version: str | None, if_match: str | None) -> Answer | None:
        """Begin to read an object of a store that answers quickly, in less than a second. None: that failed.

        Raises ConditionRefused where it is not `if_match`.
        """
        if not self._obstore.suits(key, quickly=True):
            return None
        found = self._obstore.get(key, version, if_match, None, quickly=True)
        return None if found is None else Answer(*found)

    def _get_by_boto3(self, key: str, version: str | None, if_match: str | None, byte_range: str | None) -> Answer:
        wanted = {"Key": key} | ({"VersionId": version} if version else {})
        wanted |= {} if if_match is None else {"IfMatch": if_match}
        wanted |= {} if byte_range is None else {"Range": byte_range}
        context = self._request.of(key)
        with map_errors(context):
            try:
                found = self._call("get_object", context, **wanted)
            except ClientError as error:
                status = read_status(error)
                if (if_match is not None and status in (412, 501)) or (byte_range is not None and status == 416):
                    raise ConditionRefused from error
                raise
        return Answer(found.get("Headers", {}), _Boto3Body(found["Body"], context))

    def head(self, key: str) -> Mapping[str, str]:
        """Return the headers of an object, with lower-case names. Raises ImageGone where it is not there."""
        headers: Mapping[str, str] = self._ask("head_object", self._request.of(key), Key=key).get("Headers", {})
        if "content-length" not in headers:  # without which obstore reads nothing
            self._obstore.rest()
        return headers

    def _ask(self, operation: str, context: RequestContext, **wanted: object) -> Any:
        with map_errors(context):
            return self._call(operation, context, **wanted)

    def _call(self, operation: str, context: RequestContext, **wanted: object) -> Any:
        try:
            found = getattr(self._client, operation)(Bucket=context.bucket, **wanted, **self._payer)
        except (ClientError, BotoCoreError, RecursionError):
            raise
        except _MISUNDERSTOOD as error:  # of botocore, at an answer that it does not expect
            raise map_misunderstanding(context, f"something that is not understood ({type(error).__name__})") from error
        if self._last.sent is not None:
            self._obstore.learn(self._last.sent, context.key)
        return found


def _make_session(settings: Settings) -> tuple[Any, Any]:
    """Make botocore's session, and boto3's around it. Raises InvalidSetting."""
    for name in ("boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)  # below, they print headers that hold credentials
    with _map_configuration(settings):
        vendor = get_session()
        vendor.register_component("data_loader", _shared_loader(vendor.get_config_variable("data_path")))
        session = boto3.Session(
            botocore_session=vendor, profile_name=settings.s3.profile, region_name=settings.s3.region
        )
        return vendor, session


def _make_client(session: Any, settings: Settings) -> Any:
    """Make the boto3 client. Raises InvalidSetting."""
    with _map_configuration(settings):
        return session.client(
            "s3",
            endpoint_url=settings.s3.endpoint_url,
            config=Config(
                connect_timeout=settings.s3.connect_timeout,
                read_timeout=settings.s3.read_timeout,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                max_pool_connections=settings.s3.readers + 2,
                signature_version=UNSIGNED if settings.s3.anonymous else None,
                s3=None if settings.s3.addressing == "auto" else {"addressing_style": settings.s3.addressing},
            ),
        )


def _make_obstore_client(vendor: Any, settings: Settings, bucket: str) -> ObstoreClient:
    """Make the client that reads with the credentials of boto3's, and trusts whom that trusts."""
    return ObstoreClient(
        bucket,
        settings.s3,
        None if settings.s3.anonymous else vendor.get_credentials,
        vendor.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or where(),
    )


@contextmanager
def _map_configuration(settings: Settings) -> Iterator[None]:
    """Raise InvalidSetting for what botocore does not take."""
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        takes = f"what fits ~/.aws/config and the store ({type(error).__name__})"
        hint = Configure("see that {} is right too", ("s3_endpoint_url",))
        raise InvalidSetting("s3_profile", settings.s3.profile, takes, hint) from error


@cache
def _shared_loader(data_path: str | None) -> Any:
    """Return the loader of botocore's descriptions of services, which every client would parse anew otherwise."""
    return create_loader(data_path)


def _take_listing(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Keep the body of a listing from botocore's parser."""
    if response_dict["status_code"] < 300:
        customized_response_dict["Listing"] = response_dict["body"]
        response_dict["body"] = b""


def _take_headers(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Keep the headers of an answer about an object from botocore's parser."""
    if response_dict["status_code"] < 300:
        customized_response_dict["Headers"] = {name.lower(): value for name, value in response_dict["headers"].items()}
        response_dict["headers"] = {}

"""The few requests that are sent to an S3 store, and its answers as they came.

botocore signs, sends and tries again. What an answer says is read here, from its headers and its body. botocore's own
parser raises for a date or a number that is none, even in headers that we do not need.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError
from botocore.session import get_session

from core.adapters.stores.circuit_breaker import TransientError
from core.adapters.stores.s3_errors import RequestContext, map_errors, map_misunderstanding, read_status
from core.adapters.stores.s3_listing import ListingPage, NoListing, parse_page
from core.errors import InvalidSetting
from core.errors.hints import Configure
from core.settings import Settings

_ATTEMPTS = 2  # botocore's own of one call; core.adapters.stores.circuit_breaker tries again above them
_MISUNDERSTOOD = (ResponseParserError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)


class ConditionRefused(Exception):
    """The object is not the one that If-Match names, or the store does not take that header."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered about one object. Names of headers are lower-case; `body` is None where none was asked for."""

    headers: Mapping[str, str]
    body: Any = None


class S3Client:
    """Asks one bucket of one store. Several threads may share it.

    Raises what core.adapters.stores.s3_errors maps to, and InvalidSetting where no client can be made.
    """

    def __init__(self, settings: Settings, request: RequestContext) -> None:
        self._request = request
        self._versioned = settings.s3.versioned
        self._payer = {"RequestPayer": "requester"} if settings.s3.requester_pays else {}
        self._client = _make_client(settings)
        events = self._client.meta.events
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
        return Answer(found.get("Headers", {}), found["Body"])

    def head(self, key: str) -> Answer:
        """Ask about an object. Raises ImageGone where it is not there."""
        return Answer(self._ask("head_object", self._request.of(key), Key=key).get("Headers", {}))

    def _ask(self, operation: str, context: RequestContext, **wanted: object) -> Any:
        with map_errors(context):
            return self._call(operation, context, **wanted)

    def _call(self, operation: str, context: RequestContext, **wanted: object) -> Any:
        try:
            return getattr(self._client, operation)(Bucket=context.bucket, **wanted, **self._payer)
        except (ClientError, BotoCoreError, RecursionError):
            raise
        except _MISUNDERSTOOD as error:  # of botocore, at an answer that it does not expect
            raise map_misunderstanding(context, f"something that is not understood ({type(error).__name__})") from error


def _make_client(settings: Settings) -> Any:
    """Make the boto3 client. Raises InvalidSetting."""
    for name in ("boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)  # below, they print headers that hold credentials
    try:
        vendor = get_session()
        vendor.register_component("data_loader", _shared_loader(vendor.get_config_variable("data_path")))
        session = boto3.Session(
            botocore_session=vendor, profile_name=settings.s3.profile, region_name=settings.s3.region
        )
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

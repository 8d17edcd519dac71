"""A folder of a bucket that speaks S3, through boto3.

boto3 is imported when a bucket is opened: an image need not have it.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

_SMALL = 8 * 2**20
_BLOCK = 2**20
_MISSING = ("NoSuchKey", "404", "NotFound")
_REFUSED = frozenset(
    {
        *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"),
        *("TokenRefreshRequired", "ExpiredTokenException", "InvalidClientTokenId"),
        *("AuthorizationHeaderMalformed", "InvalidIdentityToken"),
    }
)
_DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"})


class Trouble(Exception):
    """What is wrong with a place elsewhere.

    Args:
        kind: 'Missing', 'Denied', 'Unreachable' or 'Failed'.
        message: one sentence, without a full stop.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Object(NamedTuple):
    """One object.

    Attributes:
        path: below the folder.
        etag: another one means another content.
    """

    path: str
    size: int
    etag: str


class Bucket:
    """A folder of a bucket. Safe from any thread.

    Args:
        address: such as 's3://bucket/runs'.
        doing: what is done with it, for the words of a trouble: 'read' or 'written to'.
    """

    def __init__(self, address: str, *, doing: str = "read") -> None:
        self.address = address
        self.name, _, prefix = address.partition("://")[2].partition("/")
        self._prefix = prefix.strip("/")
        self._doing = doing
        # Stores other than AWS's know the checksums of older clients only.
        os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        os.environ.setdefault("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        import boto3
        import botocore
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config

        session = boto3.session.Session(region_name=_told("AWS_REGION", "AWS_DEFAULT_REGION"))
        options: dict[str, Any] = {"retries": {"mode": "standard", "max_attempts": 5}}
        options |= {"connect_timeout": 5, "read_timeout": 60, "max_pool_connections": 32}
        with self._trouble():
            self._named = session.get_credentials() is not None
            if not self._named:
                options["signature_version"] = botocore.UNSIGNED
            self._endpoint = _told("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
            self._client = session.client(
                "s3", endpoint_url=self._endpoint, config=Config(**options)
            )
        self._transfer = TransferConfig(multipart_threshold=4 * _SMALL, max_concurrency=4)

    def objects(self, below: str = "") -> Iterator[Object]:
        """What is in the folder, or in one below it; without the markers of empty folders.

        Args:
            below: ends with a slash.
        """
        start = f"{self._prefix}/" if self._prefix else ""
        pages = self._client.get_paginator("list_objects_v2")
        with self._trouble():
            for page in pages.paginate(Bucket=self.name, Prefix=start + below):
                for each in page.get("Contents", ()):
                    if not each["Key"].endswith("/"):
                        path = each["Key"][len(start) :]
                        yield Object(path, int(each["Size"]), each["ETag"])

    def alone(self) -> "Object | None":
        """The object that has the folder's own name, if there is one; its path is ''."""
        if not self._prefix:
            return None
        with self._trouble():
            found = self._client.list_objects_v2(
                Bucket=self.name, Prefix=self._prefix, MaxKeys=1
            ).get("Contents", ())
        same = [each for each in found if each["Key"] == self._prefix]
        return Object("", int(same[0]["Size"]), same[0]["ETag"]) if same else None

    def load(self, path: str, file: str) -> None:
        """Write an object to a file, which is whole or not there."""
        with self._trouble():
            self._client.download_file(self.name, self._key(path), file, Config=self._transfer)

    def store(self, path: str, file: str) -> str:
        """Write a file to an object; its etag."""
        with self._trouble():
            if os.path.getsize(file) <= _SMALL:
                with open(file, "rb") as opened:
                    return self.put(path, opened.read())
            self._client.upload_file(file, self.name, self._key(path), Config=self._transfer)
            found = self._client.head_object(Bucket=self.name, Key=self._key(path))
            return str(found["ETag"])

    def put(self, path: str, data: bytes) -> str:
        """Write an object; its etag."""
        with self._trouble():
            made = self._client.put_object(Bucket=self.name, Key=self._key(path), Body=data)
            return str(made["ETag"])

    def remove(self, path: str) -> None:
        """Remove an object, if it is there."""
        with self._trouble():
            self._client.delete_object(Bucket=self.name, Key=self._key(path))

    def blocks(self, path: str) -> Iterator[bytes]:
        """All of an object, piece by piece.

        Raises:
            FileNotFoundError: there is no such object.
        """
        with self._trouble(path):
            body = self._client.get_object(Bucket=self.name, Key=self._key(path))["Body"]
            yield from body.iter_chunks(_BLOCK)

    def part(self, path: str, start: int, size: int) -> bytes:
        """Some bytes of an object, which has more than `start`."""
        wanted = f"bytes={start}-{start + size - 1}"
        with self._trouble(path):
            found = self._client.get_object(Bucket=self.name, Key=self._key(path), Range=wanted)
            return bytes(found["Body"].read())

    def _key(self, path: str) -> str:
        return "/".join(part for part in (self._prefix, path) if part)

    @contextlib.contextmanager
    def _trouble(self, path: str = "") -> Iterator[None]:
        """boto3's errors in plain words; a file's own stay as they are."""
        from boto3.exceptions import S3UploadFailedError
        from botocore import exceptions

        try:
            yield
        except exceptions.ClientError as error:
            raise self._refusal(error, path) from error
        except S3UploadFailedError as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, exceptions.ClientError):
                raise self._refusal(cause, path) from error
            raise Trouble("Failed", f"{self.address} was not {self._doing}: {error}") from error
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            said = str(error).rstrip(".")
            raise Trouble("Denied", f"The credentials for {self.address} are {said}") from error
        except exceptions.CredentialRetrievalError as error:
            said = str(error).rstrip(".")
            raise Trouble("Denied", f"No credentials for {self.address}: {said}") from error
        except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
            at = self._endpoint or "S3"
            said = f"{at} cannot be reached, where {self.address} is"
            raise Trouble("Unreachable", said) from error
        except exceptions.BotoCoreError as error:
            raise Trouble("Failed", f"{self.address} was not {self._doing}: {error}") from error

    def _refusal(self, error: Any, path: str) -> Exception:
        told = error.response.get("Error", {})
        code, said = str(told.get("Code", "")), str(told.get("Message", "")).rstrip(".")
        at = f" at {self._endpoint}" if self._endpoint else ""
        if code == "NoSuchBucket":
            return Trouble("Missing", f"There is no bucket {self.name}{at}")
        if code in _MISSING:
            return FileNotFoundError(path)
        if code in _REFUSED:
            return Trouble(
                "Denied", f"The credentials for {self.address} were refused ({code}: {said})"
            )
        if code in _DENIED:
            own = "with the credentials that the workers have"
            how = own if self._named else "without credentials"
            return Trouble("Denied", f"{self.address} may not be {self._doing} {how}")
        return Trouble("Failed", f"{self.address} was not {self._doing} ({code}: {said})")


def _told(*names: str) -> "str | None":
    return next((os.environ[name] for name in names if os.environ.get(name)), None)

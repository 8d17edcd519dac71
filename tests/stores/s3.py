"""A server that speaks S3: moto's, as a process of its own, here or in a pod.

    python -m tests.stores.s3 PORT

It has a bucket `data` with some sets in it, an empty bucket `runs`, and two users: one who may do
everything, and one who may do nothing. It asks for their keys and prints them with its port, as one
line of JSON. The module imports nothing of ours: its source travels into pods.
"""

import json
import logging
import sys
import threading
from typing import Any

SETS = {
    "digits/labels.txt": b"one two",
    "digits/images/1.bin": bytes(range(256)),
    "digits/images/zwei.bin": b"2",
    "digits-more/labels.txt": b"not asked for",
    "train.csv": b"a,b\n1,2\n",
    "odd//1.bin": b"its name is no path",
}


def serve(port: int) -> dict[str, Any]:
    """Start the server, which lasts as long as this process; its port and the keys."""
    import boto3
    from moto import settings
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)
    server = make_server("0.0.0.0", port, _with_names_only(moto), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found: dict[str, Any] = {"port": server.server_port}
    common: Any = {
        "endpoint_url": f"http://127.0.0.1:{found['port']}",
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    s3, iam = boto3.client("s3", **common), boto3.client("iam", **common)
    for bucket in ("data", "runs"):
        s3.create_bucket(Bucket=bucket)
    for key, body in SETS.items():
        s3.put_object(Bucket="data", Key=key, Body=body)
    for user in ("owner", "nobody"):
        iam.create_user(UserName=user)
        made = iam.create_access_key(UserName=user)["AccessKey"]
        found[user] = [made["AccessKeyId"], made["SecretAccessKey"]]
    every = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [every]})
    iam.put_user_policy(UserName="owner", PolicyName="all", PolicyDocument=policy)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0  # from here on a key is asked for
    return found


def _with_names_only(app: Any) -> Any:
    """Refuses requests without a key as S3 does; moto would break off."""
    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"

    def called(environ: dict[str, Any], start: Any) -> Any:
        if "HTTP_AUTHORIZATION" in environ:
            return app(environ, start)
        start("403 Forbidden", [("Content-Type", "application/xml")])
        return [body]

    return called


if __name__ == "__main__":
    print(json.dumps(serve(int(sys.argv[1]))), flush=True)
    threading.Event().wait()

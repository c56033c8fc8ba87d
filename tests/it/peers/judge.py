"""Signs and verifies with the platforms' own libraries: cases as JSON on stdin, answers as JSON on stdout."""

import json
import sys
from datetime import datetime, timezone
from types import SimpleNamespace

import standardwebhooks
import stripe
from elevenlabs.webhooks_custom import WebhooksClient
from slack_sdk.signature import SignatureVerifier


def verify(library, secret, body, headers):
    if library == "standardwebhooks":
        standardwebhooks.Webhook(secret).verify(body, headers)
    elif library == "stripe":
        stripe.WebhookSignature.verify_header(body, headers["stripe-signature"], secret, 300)
    elif library == "elevenlabs":
        # The method needs nothing of the client but itself.
        header = headers["elevenlabs-signature"]
        WebhooksClient.construct_event(SimpleNamespace(), body, header, secret)
    elif library == "slack":
        if not SignatureVerifier(secret).is_valid_request(body, headers):
            raise ValueError("not valid")
    else:
        raise SystemExit(f"no library {library}")


def sign(library, secret, body, id, timestamp):
    if library == "standardwebhooks":
        at = datetime.fromtimestamp(timestamp, tz=timezone.utc)
        signature = standardwebhooks.Webhook(secret).sign(id, at, body)
        return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
    if library == "stripe":
        header = stripe.WebhookSignature.generate_signature_header(body, secret, timestamp)
        return {"stripe-signature": header}
    if library == "slack":
        signature = SignatureVerifier(secret).generate_signature(timestamp=str(timestamp), body=body)
        return {"x-slack-request-timestamp": str(timestamp), "x-slack-signature": signature}
    raise SystemExit(f"no library {library} signs")


def answer(case):
    if case["do"] == "sign":
        return sign(case["library"], case["secret"], case["body"], case["id"], case["timestamp"])
    try:
        verify(case["library"], case["secret"], case["body"], case["headers"])
        return "valid"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)

"""A token service of the docker/distribution specification, for tests.

It shares nothing with the product: tokens are made by Debian's python3-jwt, keys are read by
python3-cryptography. Claims and headers are those that docker_auth, Harbor, GitLab and the service
of docker's own registry issue. Settings are a JSON file, the only argument:

    listen        [address, port]
    key           private key, a PEM file
    certificates  PEM files, the key's own first, for the form "x5c"
    algorithm     RS256, ES256, ...
    form          how the header names the key: kid, jwk (EC keys) or x5c
    issuer        the claim iss
    users         {name: {"password": ..., "may": {pattern: [action, ...]}}}; "" is anonymous
    refresh       whether refresh tokens are given out

Each request is told on standard output in one line, without passwords.
"""

import base64
import fnmatch
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization

LIFETIME = 300


def libtrust_id(public):
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def key_header(settings, key):
    """The members of the header that name the key."""
    public = key.public_key()
    if settings["form"] == "kid":
        return {"kid": libtrust_id(public)}
    if settings["form"] == "jwk":
        return {"jwk": ec_jwk(public)}
    chain = []
    for file in settings["certificates"]:
        with open(file, "rb") as pem:
            certificate = x509.load_pem_x509_certificate(pem.read())
        chain.append(base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode())
    return {"x5c": chain}


def ec_jwk(public):
    """An EC key only: python3-jwt writes none."""
    length = (public.curve.key_size + 7) // 8
    numbers = public.public_numbers()
    text = lambda number: base64.urlsafe_b64encode(number.to_bytes(length, "big")).decode().strip("=")
    return {
        "kty": "EC",
        "crv": "P-%d" % public.curve.key_size,
        "x": text(numbers.x),
        "y": text(numbers.y),
    }


class Service:
    def __init__(self, settings):
        self.settings = settings
        with open(settings["key"], "rb") as pem:
            self.key = serialization.load_pem_private_key(pem.read(), None)
        self.header = key_header(settings, self.key)
        self.refresh_tokens = {}

    def knows(self, name, password):
        user = self.settings["users"].get(name)
        return name != "" and user is not None and user["password"] == password

    def granted(self, name, scopes):
        """What the user gets of what is asked for, as entries of the claim access."""
        may = self.settings["users"].get(name, {"may": {}})["may"]
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            resource, _, actions = rest.rpartition(":")
            allowed = set()
            for pattern, pattern_actions in may.items():
                if fnmatch.fnmatchcase(resource, pattern):
                    allowed.update(pattern_actions)
            wanted = [action for action in actions.split(",") if action]
            actions = sorted(a for a in wanted if a in allowed or "*" in allowed)
            if actions:
                access.append({"type": kind, "name": resource, "actions": actions})
        return access

    def access_token(self, name, service, scopes):
        now = int(time.time())
        claims = {
            "iss": self.settings["issuer"],
            "sub": name,
            "aud": service,
            "exp": now + LIFETIME,
            "nbf": now - 10,
            "iat": now,
            "jti": str(secrets.randbits(63)),
            "access": self.granted(name, scopes),
        }
        return jwt.encode(claims, self.key, self.settings["algorithm"], headers=self.header)

    def refresh_token(self, name):
        """Good for every service: docker takes the one of its login to the trust server too."""
        token = secrets.token_urlsafe(24)
        self.refresh_tokens[token] = name
        return token


def scopes_of(values):
    return [scope for value in values for scope in value.split(" ") if scope]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, what):
        print("refused", what, flush=True)
        error = {"code": "UNAUTHORIZED", "message": "authentication failed"}
        self.answer(401, {"errors": [error]})

    def give(self, name, service, scopes, how, offline):
        service_object = self.server.service
        token = service_object.access_token(name, service, scopes)
        body = {
            "token": token,
            "access_token": token,
            "expires_in": LIFETIME,
            "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        if offline and name and service_object.settings["refresh"]:
            body["refresh_token"] = service_object.refresh_token(name)
        print("gave", how, repr(name), service, " ".join(scopes), flush=True)
        self.answer(200, body)

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        service = query.get("service", [""])[0]
        scopes = scopes_of(query.get("scope", []))
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            self.give("", service, scopes, "anonymous", False)
            return
        name, _, password = base64.b64decode(value).decode().partition(":")
        if not self.server.service.knows(name, password):
            self.refuse("basic")
            return
        offline = query.get("offline_token", [""])[0] == "true"
        self.give(name, service, scopes, "basic", offline)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        form = parse_qs(self.rfile.read(length).decode())
        if not self.server.service.settings["refresh"]:
            self.answer(405, {})
            return
        first = lambda name: form.get(name, [""])[0]
        service, scopes = first("service"), scopes_of(form.get("scope", []))
        if first("grant_type") == "refresh_token":
            held = self.server.service.refresh_tokens.get(first("refresh_token"))
            if held is None:
                self.refuse("refresh")
                return
            self.give(held, service, scopes, "refresh", False)
            return
        if not self.server.service.knows(first("username"), first("password")):
            self.refuse("password")
            return
        self.give(first("username"), service, scopes, "password", first("access_type") == "offline")

    def log_message(self, *arguments):
        pass


def main():
    with open(sys.argv[1]) as file:
        settings = json.load(file)
    server = ThreadingHTTPServer(tuple(settings["listen"]), Handler)
    server.service = Service(settings)
    print("ready", flush=True)
    server.serve_forever()


main()

#!/usr/bin/env python3
"""Makes tokens.json: keys, certificates and tokens by OpenSSL and Python, none by Countersign.

Needs python3-cryptography and openssl 3.0. The private keys are thrown away.
Times: certificates hold from 2026 to 2046; tokens are good from 2027-06-01 to 2027-06-02.
"""
import base64, datetime, hashlib, json, os, subprocess, sys, tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

UTC = datetime.timezone.utc
START = datetime.datetime(2026, 1, 1, tzinfo=UTC)
END = datetime.datetime(2046, 1, 1, tzinfo=UTC)
NBF = int(datetime.datetime(2027, 6, 1, tzinfo=UTC).timestamp())
EXP = int(datetime.datetime(2027, 6, 2, tzinfo=UTC).timestamp())


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def der(public):
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def libtrust(public):
    text = base64.b32encode(hashlib.sha256(der(public)).digest()[:30]).decode().rstrip("=")
    return ":".join(text[i : i + 4] for i in range(0, len(text), 4))


def jwk(public):
    if isinstance(public, rsa.RSAPublicKey):
        n = public.public_numbers()
        size = lambda i: i.to_bytes((i.bit_length() + 7) // 8, "big")
        return {"e": b64(size(n.e)), "kty": "RSA", "n": b64(size(n.n))}
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(raw)}
    n, size = public.public_numbers(), (public.key_size + 7) // 8
    name = {256: "P-256", 384: "P-384", 521: "P-521"}[public.key_size]
    return {
        "crv": name, "kty": "EC",
        "x": b64(n.x.to_bytes(size, "big")), "y": b64(n.y.to_bytes(size, "big")),
    }


def thumbprint(public):
    text = json.dumps(jwk(public), separators=(",", ":"), sort_keys=True)
    return b64(hashlib.sha256(text.encode()).digest())


def sign(key, alg, message):
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(alg[2:])
    if alg.startswith("RS"):
        return key.sign(message, padding.PKCS1v15(), digest)
    if alg == "EdDSA":
        return key.sign(message)
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


CLAIMS = {
    "iss": "auth.example.com", "sub": "alice", "aud": "trust.example.com",
    "exp": EXP, "nbf": NBF, "iat": NBF, "jti": "tYJCO1c6cnyy7kAn0c7rKPgbV1H1bFws",
    "access": [{"type": "repository", "name": "example.com/a", "actions": ["push", "pull"]}],
}


def token(key, alg, **header):
    text = lambda value: b64(json.dumps(value, separators=(",", ":")).encode())
    signed = text({"typ": "JWT", "alg": alg, **header}) + "." + text(CLAIMS)
    return signed + "." + b64(sign(key, alg, signed.encode()))


def certificate(subject, public, issuer, key, ca, usage=()):
    name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    made = (
        x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
        .public_key(public).serial_number(x509.random_serial_number())
        .not_valid_before(START).not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if usage:
        made = made.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == 521:
        digest = hashes.SHA512()
    return made.sign(key, digest).public_bytes(serialization.Encoding.DER)


def version_1(subject, key, issuer_certificate=None, issuer_key=None):
    """X.509 v1, which openssl makes when it is given no extensions."""
    with tempfile.TemporaryDirectory() as place:
        path = lambda name: os.path.join(place, name)
        def write(name, private):
            with open(path(name), "wb") as file:
                file.write(private.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ))
        write("key", key)
        run = lambda *words: subprocess.run(("openssl",) + words, check=True, capture_output=True)
        run("req", "-new", "-key", path("key"), "-subj", "/CN=" + subject, "-out", path("request"))
        words = ["x509", "-req", "-in", path("request"), "-days", "7300", "-sha256",
                 "-outform", "DER", "-out", path("certificate")]
        if issuer_key is None:
            words += ["-signkey", path("key")]
        else:
            write("issuer", issuer_key)
            with open(path("ca"), "wb") as file:
                file.write(x509.load_der_x509_certificate(issuer_certificate)
                           .public_bytes(serialization.Encoding.PEM))
            words += ["-CA", path("ca"), "-CAkey", path("issuer"), "-CAcreateserial"]
        run(*words)
        with open(path("certificate"), "rb") as file:
            return file.read()


def std(data):
    return base64.b64encode(data).decode()


keys = {
    "P-256": (ec.generate_private_key(ec.SECP256R1()), ["ES256"]),
    "P-384": (ec.generate_private_key(ec.SECP384R1()), ["ES384"]),
    "P-521": (ec.generate_private_key(ec.SECP521R1()), ["ES512"]),
    "RSA": (rsa.generate_private_key(65537, 2048), ["RS256", "RS384", "RS512"]),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate(), ["EdDSA"]),
}
out = {"keys": [], "chains": []}
for name, (key, algs) in keys.items():
    public = key.public_key()
    root = certificate("auth", public, "auth", key, True)
    for alg in algs:
        out["keys"].append({
            "name": name, "algorithm": alg, "spki": std(der(public)), "jwk": jwk(public),
            "libtrust": libtrust(public), "thumbprint": thumbprint(public),
            "certificate": std(root),
            "by_kid": token(key, alg, kid=libtrust(public)),
            "by_thumbprint": token(key, alg, kid=thumbprint(public)),
            "by_jwk": token(key, alg, jwk={**jwk(public), "kid": libtrust(public)}),
            "by_x5c": token(key, alg, x5c=[std(root)]),
        })


def chain(name, verdict, bundle, key, alg, x5c):
    out["chains"].append({
        "name": name, "verdict": verdict, "bundle": [std(c) for c in bundle],
        "token": token(key, alg, x5c=[std(c) for c in x5c]),
    })


p256 = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
p521 = [ec.generate_private_key(ec.SECP521R1()) for _ in range(2)]
rsas = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
ca = certificate("ca", p256[0].public_key(), "ca", p256[0], True)
leaf = certificate("leaf", p256[1].public_key(), "ca", p256[0], False)
chain("an end-entity certificate under a CA", "good", [ca], p256[1], "ES256", [leaf])
chain("the CA sent along", "good", [ca], p256[1], "ES256", [leaf, ca])
server = certificate("leaf", p256[1].public_key(), "ca", p256[0], False,
                     [ExtendedKeyUsageOID.SERVER_AUTH])
chain("a certificate for web servers", "good", [ca], p256[1], "ES256", [server])
middle = certificate("middle", p256[2].public_key(), "ca", p256[0], True)
below = certificate("leaf", p256[1].public_key(), "middle", p256[2], False)
chain("an intermediate sent along", "good", [ca], p256[1], "ES256", [below, middle])
chain("the intermediate is not sent", "bad", [ca], p256[1], "ES256", [below])
chain("the leaf is not the first", "bad", [ca], p256[1], "ES256", [middle, below])
chain("a CA's certificate under a CA", "good", [ca], p256[2], "ES256", [middle])
no_ca = certificate("ca", p256[0].public_key(), "ca", p256[0], False)
chain("a bundle certificate without CA rights signs itself", "good", [no_ca], p256[0], "ES256", [no_ca])
chain("a bundle certificate without CA rights issues", "bad", [no_ca], p256[1], "ES256", [leaf])
not_a_ca = certificate("middle", p256[2].public_key(), "ca", p256[0], False)
chain("an intermediate without CA rights issues", "bad", [ca], p256[1], "ES256", [below, not_a_ca])
foreign = certificate("ca", p256[3].public_key(), "ca", p256[3], True)
chain("a CA of the same name with another key", "bad", [ca], p256[3], "ES256", [foreign])
foreign_leaf = certificate("leaf", p256[1].public_key(), "ca", p256[3], False)
chain("a leaf by a CA of the same name", "bad", [ca], p256[1], "ES256", [foreign_leaf, foreign])
chain("another key than the leaf's signed", "bad", [ca], p256[3], "ES256", [leaf])
v1 = version_1("v1", rsas[0])
chain("a v1 certificate as leaf and root", "good", [v1], rsas[0], "RS256", [v1])
v1_leaf = version_1("v1 leaf", p256[1], ca, p256[0])
chain("a v1 certificate under a CA", "good", [ca], p256[1], "ES256", [v1_leaf])
v1_foreign = version_1("v1 leaf", p256[1], foreign, p256[3])
chain("a v1 certificate by a CA of the same name", "bad", [ca], p256[1], "ES256", [v1_foreign])
v1_issued = certificate("leaf", p256[1].public_key(), "v1", rsas[0], False)
chain("a v1 certificate issues", "good", [v1], p256[1], "ES256", [v1_issued])
big = certificate("big", p521[0].public_key(), "big", p521[0], True)
chain("P-521 as leaf and root", "good", [big], p521[0], "ES512", [big])
big_leaf = certificate("leaf", p521[1].public_key(), "big", p521[0], False)
chain("P-521 under P-521", "good", [big], p521[1], "ES512", [big_leaf])
rsa_ca = certificate("rsa", rsas[0].public_key(), "rsa", rsas[0], True)
rsa_leaf = certificate("leaf", rsas[1].public_key(), "rsa", rsas[0], False)
chain("RSA under RSA", "good", [rsa_ca], rsas[1], "RS256", [rsa_leaf])
json.dump(out, sys.stdout, indent=1)
print()

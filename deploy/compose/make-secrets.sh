#!/bin/sh
# Makes the secrets that docker-compose.yml names, once: make-secrets.sh [NAME]...
# Each NAME is one more by which clients reach the load balancer, such as trust.example.com.
# Needs openssl. SECRETS names another directory than the one beside this script.
set -eu

secrets=${SECRETS:-$(dirname "$0")/secrets}
if [ -e "$secrets" ]; then
    echo "make-secrets.sh: $secrets is there already: keep it, or move it away for new secrets" >&2
    exit 1
fi

names=DNS:localhost,IP:127.0.0.1
for name in "$@"; do
    case $name in
        *[!A-Za-z0-9.:-]* | '') echo "make-secrets.sh: $name is no name of a host" >&2; exit 1 ;;
        *[!0-9.]*) case $name in *:*) names=$names,IP:$name ;; *) names=$names,DNS:$name ;; esac ;;
        *) names=$names,IP:$name ;;
    esac
done

# Nobody else may enter the directory. What is in it can be read by whoever is in a container that
# it is given to, under whatever name.
umask 022
made=$secrets.unfinished
rm -rf "$made"
mkdir -m 0700 "$made"
cd "$made"

openssl rand -hex 32 | tr -d '\n' > database-password
openssl rand -hex 32 | tr -d '\n' > key-passphrase
printf 'postgres://countersign:%s@database:5432/countersign?sslmode=disable' \
    "$(cat database-password)" > database-url

curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256"
# shellcheck disable=SC2086
openssl req -x509 $curve -days 3650 -subj "/CN=Countersign" -keyout authority-key -out authority \
    -addext basicConstraints=critical,CA:true,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
    2> /dev/null
# shellcheck disable=SC2086
openssl req $curve -subj "/CN=localhost" -keyout server-key -out request 2> /dev/null
printf '%s\n' "subjectAltName=$names" basicConstraints=critical,CA:false \
    keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth > extensions
openssl x509 -req -in request -CA authority -CAkey authority-key -CAcreateserial -days 397 -sha256 \
    -extfile extensions -out server-certificate 2> /dev/null
rm -f request extensions authority.srl
chmod 0644 server-key
cd "$OLDPWD"
mv "$made" "$secrets"
echo "made $secrets for $names; $secrets/authority is what clients must trust"

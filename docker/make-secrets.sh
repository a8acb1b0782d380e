#!/usr/bin/env bash
# Makes what compose.yaml mounts: an authority, a certificate for each engine, passwords, the master key and an API key.
# make-secrets.sh [FOLDER] (default: secrets, beside this script). Leaves a folder that is there alone. Needs openssl.
set -euo pipefail
cd "$(dirname "$0")"
folder=${1:-secrets}
[ ! -e "$folder" ] || { echo "$folder is there already: remove it to make new secrets (data made under the old ones stays theirs)"; exit 0; }
# Nobody else gets in; within, each file is readable, for each container's user is another one.
umask 077
mkdir -p "$folder"
cd "$folder"
umask 022

days=825
quietly() { "$@" 2>/dev/null || { echo "failed: $*" >&2; exit 1; }; }
password() { openssl rand -hex 24; }

(umask 077 && quietly openssl req -x509 -newkey rsa:3072 -nodes -days $days -subj '/CN=Berth' -keyout ca.key -out ca.crt \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign)
chmod 644 ca.crt
for name in kafka eventstore postgres; do
  quietly openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr
  printf '%s\n' "subjectAltName=DNS:$name,DNS:localhost,IP:127.0.0.1" 'extendedKeyUsage=serverAuth,clientAuth' >$name.ext
  quietly openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days $days -extfile $name.ext -out $name.crt
  chmod 644 $name.key
  rm $name.csr $name.ext
done
cat kafka.key kafka.crt >kafka.pem

kafka_password=$(password) eventstore_password=$(password) postgres_password=$(password) api_key=$(password)
login="org.apache.kafka.common.security.plain.PlainLoginModule required"
cat >kafka.properties <<END
ssl.keystore.type=PEM
ssl.keystore.location=/etc/kafka/secrets/kafka.pem
ssl.truststore.type=PEM
ssl.truststore.location=/etc/kafka/secrets/ca.crt
listener.name.inside.plain.sasl.jaas.config=$login username="berth" password="$kafka_password" user_berth="$kafka_password";
listener.name.outside.plain.sasl.jaas.config=$login user_berth="$kafka_password";
END
cat >eventstore.env <<END
EVENTSTORE_DEFAULT_ADMIN_PASSWORD=$eventstore_password
BERTH_EVENTSTORE_ADMIN=admin:$eventstore_password
END
cat >postgres.env <<END
POSTGRES_PASSWORD=$postgres_password
END
cat >berth.env <<END
BERTH_AUTH=apikey
BERTH_API_KEYS=operator:$api_key
BERTH_MASTER_KEY=$(openssl rand -base64 32)
BERTH_KAFKA_SASL_MECHANISM=plain
BERTH_KAFKA_SASL_USERNAME=berth
BERTH_KAFKA_SASL_PASSWORD=$kafka_password
BERTH_EVENTSTORE_URL=esdb://admin:$eventstore_password@eventstore:2113?tls=true&tlsCAFile=/run/berth/ca.crt
BERTH_DATABASE_URL=postgres://berth:$postgres_password@postgres:5432/berth?sslmode=verify-full&sslrootcert=/run/berth/ca.crt
END
echo "Made $PWD; keep a copy of it, for without its master key no secret in the event store can be read again."
echo "GraphQL and the intake want:  Authorization: Bearer $api_key"

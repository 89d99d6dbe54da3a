#!/bin/bash
# What one would write by hand: script.sh IMAGE PLAYBOOK KEY. Uses ansible-playbook and docker of the PATH.
set -euo pipefail
image=$1 playbook=$2 key=$3
export ANSIBLE_HOST_KEY_CHECKING=false ANSIBLE_SSH_PIPELINING=true
host=$(docker run --detach --interactive --publish 127.0.0.1::22 \
    --env BGASYNC_AUTHORIZED_KEY="$(cat "$key.pub")" "$image" /usr/lib/bgasync/init)
trap 'docker rm --force "$host" >/dev/null' EXIT
port=$(docker port "$host" 22 | sed 's/.*://')
until (exec 3<>"/dev/tcp/127.0.0.1/$port" && head -c 4 <&3 | grep -q SSH) 2>/dev/null; do sleep 0.02; done
ansible-playbook --inventory 127.0.0.1, --user ansible --private-key "$key" --extra-vars "ansible_port=$port" "$playbook"
docker exec "$host" test -e /opt/myapp/rolled-back

#!/usr/bin/env bash
# A tour with curl, jq and the mosquitto clients: two users sign up, become friends, talk, and open a group.
# Everything that it shows works from any language that has HTTP and MQTT.
set -euo pipefail

host=${CONFAB_HOST:-localhost}
https=${CONFAB_HTTPS_PORT:-8443}
mqtts=${CONFAB_PORT:-8883}
ca=${CONFAB_CA_FILE:-data/tls-cert.pem}
name=tour-$$-$RANDOM
password="correct horse battery staple"
output=$(mktemp)
trap 'kill "${reader:-}" 2>/dev/null || true; rm -f "$output"' EXIT

# api TOKEN PATH [curl's arguments]: an HTTP request; an error of the hub ends the tour with its problem document.
api() {
    local token=$1 path=$2
    shift 2
    curl --silent --show-error --fail-with-body --cacert "$ca" --header "Authorization: Bearer $token" \
        --header 'Content-Type: application/json' "https://$host:$https$path" "$@"
}

sign_up() {
    api none /signup --data "$(jq -n --arg name "$1" --arg password "$password" \
        '{username: $name, email: "\($name)@example.org", password: $password}')"
}

# What both mosquitto clients need; the token is the password.
options=(-V 5 -h "$host" -p "$mqtts" --cafile "$ca" -u '' -q 1)

# received PATTERN: waits until ben's client has printed it
received() {
    local attempt
    for attempt in {1..100}; do
        if grep -q "$1" "$output"; then return; fi
        sleep 0.1
    done
    echo "nothing like \"$1\" has come in 10 s" >&2
    exit 1
}

say() { printf '\n# %s\n' "$*"; }

say "two users sign up"
ann=$(sign_up "$name-ann")
ben=$(sign_up "$name-ben")
ann_token=$(jq -r .access_token <<<"$ann") ann_id=$(jq -r .user.id <<<"$ann")
ben_token=$(jq -r .access_token <<<"$ben") ben_id=$(jq -r .user.id <<<"$ben")

say "ben listens to all that concerns him: inbox, conversations, groups"
# -d tells when it is subscribed; stdbuf has it print line by line.
stdbuf -oL mosquitto_sub "${options[@]}" -P "$ben_token" -i "$name-ben" -d -F '%t %p' \
    -t 'inbox/+' -t 'direct/#' -t 'group/+' >"$output" &
reader=$!
received '^Subscribed'

say "they become friends; their conversation is a topic"
api "$ann_token" /friends/add --data "{\"user_id\":\"$ben_id\"}" >/dev/null
topic=$(api "$ben_token" /friends/accept --data "{\"user_id\":\"$ann_id\"}" | jq -r .topic)
echo "$topic"

say "ann speaks over MQTT, then over HTTP; the reference makes it safe to send either again"
mosquitto_pub "${options[@]}" -P "$ann_token" -i "$name-ann" -t "$topic" -m '{"text":"hello over MQTT","client_ref":"tour-1"}'
for attempt in first second; do
    api "$ann_token" /messages --data "{\"topic\":\"$topic\",\"text\":\"hello over HTTP\",\"client_ref\":\"tour-2\"}" |
        jq -c "{attempt: \"$attempt\", seq, id}"
done

say "ann opens a group with ben in it, and says something there"
group=$(api "$ann_token" /groups --data "{\"name\":\"tour\",\"members\":[\"$ben_id\"]}" | jq -r .topic)
mosquitto_pub "${options[@]}" -P "$ann_token" -i "$name-ann" -t "$group" -m 'hello, group'

say "what ben got"
received 'hello, group'
grep -E '^(inbox|direct|group)/' "$output"

say "the history of the conversation"
api "$ben_token" "/messages/$ann_id" | jq -c '.items[] | [.seq, .from, .body.text]'

#!/usr/bin/env bash
# A bot in shell: answers "!uptime" with the time since when this machine runs. mosquitto_sub has a session at the hub: what is said while
# there is no connection comes later. Answers go over HTTP, each with a reference made of the number of the message, so that one that is
# sent again is stored once.
#
# mosquitto_sub acknowledges a message when it has printed it. So if this script is killed, what it had not answered yet stays
# unanswered; ../python-bot and ../echo-bot show how to do better.
set -euo pipefail

host=${CONFAB_HOST:-localhost}
https=${CONFAB_HTTPS_PORT:-8443}
mqtts=${CONFAB_PORT:-8883}
ca=${CONFAB_CA_FILE:-data/tls-cert.pem}
token_file=${CONFAB_TOKEN_FILE:?CONFAB_TOKEN_FILE is not set (README.md says what it is)}

# curl tries again while the hub is away (connection refused, 503), and jq writes what is said as JSON.
answer() {
    local topic=$1 seq=$2 text=$3
    jq -n --arg topic "$topic" --arg text "$text" --arg reference "uptime-$seq" \
        '{topic: $topic, text: $text, client_ref: $reference}' |
        curl --silent --show-error --fail-with-body --cacert "$ca" --max-time 60 \
            --retry 60 --retry-delay 1 --retry-all-errors --retry-max-time 120 \
            --header "Authorization: Bearer $(<"$token_file")" --header 'Content-Type: application/json' \
            --data @- --output /dev/null "https://$host:$https/messages" ||
        echo "$topic: message $seq was not answered" >&2
}

# mosquitto_sub ends with its connection; its session stays at the hub (-c, for a week). stdbuf has it print line by line, and -d tells when
# it is subscribed.
listen() {
    while true; do
        stdbuf -oL mosquitto_sub -V 5 -h "$host" -p "$mqtts" --cafile "$ca" -u '' -P "$(<"$token_file")" \
            -i "${CONFAB_CLIENT_ID:-shell-bot}" -c -x 604800 -q 1 -t 'direct/+/+' -t 'group/+' -F '%p' -d || true
        sleep 1
    done
}

listen | while IFS= read -r line; do
    case $line in
        Subscribed*) echo ready >&2 ;;
        {*)
            # Two words of a question, nothing of all else.
            read -r topic seq < <(
                jq -r 'select(.type == "message" and .body.text == "!uptime") | "\(.topic) \(.seq)"' <<<"$line") || continue
            answer "$topic" "$seq" "up since $(uptime -s)"
            ;;
    esac
done

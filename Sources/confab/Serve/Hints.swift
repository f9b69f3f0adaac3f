import Transport

/// The lines that `make run` shows: a whole first session, to be copied and pasted, or run as one script.
enum Hints {
    static let begin = "# --- try it ---"
    static let end = "# --- end ---"

    static func text(_ options: Options, _ ports: [Worker.Door: UInt16]) -> String {
        guard let https = ports[.https], let mqtts = ports[.mqtts] else { return "" }
        let certificate = options.certificateFile
        return """
            \(begin)
            # Two users sign up. (Needs curl, jq and mosquitto-clients. Names are free only once, hence the $$.)
            api() { curl -sS --cacert \(certificate) -H 'Content-Type: application/json' "$@"; echo; }
            url=https://localhost:\(https)
            ann=$(api $url/signup -d '{"username":"ann'$$'","email":"ann'$$'@example.com","password":"correct horse battery"}')
            bob=$(api $url/signup -d '{"username":"bob'$$'","email":"bob'$$'@example.com","password":"staple battery horse"}')
            a=$(echo "$ann" | jq -r .access_token)  b=$(echo "$bob" | jq -r .access_token)
            ann_id=$(echo "$ann" | jq -r .user.id)  bob_id=$(echo "$bob" | jq -r .user.id)

            # They become friends, which opens a conversation: a topic.
            api $url/friends/add -H "Authorization: Bearer $a" -d '{"user_id":"'$bob_id'"}'
            topic=$(api $url/friends/accept -H "Authorization: Bearer $b" -d '{"user_id":"'$ann_id'"}' | jq -r .topic)

            # Bob's telephone subscribes and goes away; Ann publishes; the telephone comes back and has missed nothing.
            # MQTT over TLS; the access token is the password.
            mqtt="-h localhost -p \(mqtts) --cafile \(certificate) -q 1 -t $topic"
            mosquitto_sub $mqtt -u $bob_id -P $b -i bobs-phone -c -E
            mosquitto_pub $mqtt -u $ann_id -P $a -m 'Hello, Bob!'
            mosquitto_sub $mqtt -u $bob_id -P $b -i bobs-phone -c -C 1 -W 20

            # The history, and a reply by REST.
            api $url/messages/$ann_id -H "Authorization: Bearer $b" | jq .
            api $url/messages -H "Authorization: Bearer $b" -d '{"user_id":"'$ann_id'","text":"Hello, Ann!"}' | jq .
            \(end)

            """
    }
}

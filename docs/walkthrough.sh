#!/usr/bin/env bash
# The walk-through of README.md as one script: the same blocks, for a Veza with an empty database.
#
#     docs/walkthrough.sh [URL [DATA_DIRECTORY [LOG_FILE]]]
#
# It fails as soon as an answer is not the one promised. LOG_FILE is where the output of `veza up`
# goes; without it the script asks for the link in the invitation. The variable VEZA may name the
# program to call in place of `cargo run`.
set -euo pipefail

url=${1:-http://127.0.0.1:8080}              # where Veza listens
data=${2:-}                                  # its data directory, if it is not the usual one
log=${3:-}                                   # the file that `veza up` writes to, if any
veza=${VEZA:-cargo run -q --bin veza --}     # the program

# curl, insisting on a status: ask STATUS PATH [arguments of curl…]
ask() {
    local answer
    answer=$(curl -sS -w '\n%{http_code}' "$url$2" -H 'Content-Type: application/json' "${@:3}")
    echo "${answer%$'\n'*}"
    [ "${answer##*$'\n'}" = "$1" ] || { echo "$2: expected $1, got ${answer##*$'\n'}" >&2; return 1; }
}
# Again and again until it works, for ten seconds: soon COMMAND…
soon() {
    local attempt
    for attempt in {1..50}; do "$@" 2>/dev/null && return; sleep 0.2; done
    "$@"
}
# One value out of JSON: value KEY
value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

ask 201 /v1/tenant/organizations -d '{"name": "Acme Ltd", "slug": "acme",
    "owner": {"name": "Ada", "email": "ada@acme.example", "password": "correct horse battery"}}'

ada=$(ask 201 /v1/tenant/sessions \
    -d '{"email": "ada@acme.example", "password": "correct horse battery"}' | value access_token)
ask 200 /v1/tenant/me -H "Authorization: Bearer $ada" | grep '"scopes":\["\*"\]'

ask 201 /v1/tenant/invitations -H "Authorization: Bearer $ada" -d '{"email": "bob@acme.example"}'

if [ -n "$log" ]; then
    link=$(soon grep -o 'http[^ ]*/invitation#token=[A-Za-z0-9_-]*' "$log" | tail -1)
else
    read -r -p 'Paste the link: ' link
fi

bob=$(ask 201 /v1/tenant/invitations/accept \
    -d "{\"token\": \"${link#*token=}\", \"name\": \"Bob\", \"password\": \"a staple and a battery\"}" | value access_token)
ask 200 /v1/tenant/members -H "Authorization: Bearer $bob" | grep ada@acme.example | grep bob@acme.example
ask 403 /v1/tenant/api-keys -H "Authorization: Bearer $bob" | grep core.permission.missing

key=$(ask 201 /v1/tenant/api-keys -H "Authorization: Bearer $ada" \
    -d '{"name": "nightly report", "scopes": ["tenant.members.read"]}' | value secret)
ask 200 /v1/tenant/me -H "Authorization: Bearer $key" | grep api_key:
ask 403 /v1/tenant/roles -H "Authorization: Bearer $key" | grep core.permission.missing

ask 201 /v1/storage/buckets -H "Authorization: Bearer $ada" -d '{"name": "reports"}' > /dev/null
curl -sS "$url/v1/storage/buckets/reports/objects/2026%2Fnovember.txt" -X PUT -H "Authorization: Bearer $ada" \
    -H 'Content-Type: text/plain' --data-binary 'We sold eleven.' | grep '"size":15'
link=$(ask 200 /v1/storage/buckets/reports/signed-urls -H "Authorization: Bearer $ada" \
    -d '{"method": "GET", "key": "2026/november.txt", "expires_in": 300}' | value url)
curl -sS "$url$link" | grep 'We sold eleven.'

room=$(ask 201 /v1/chat/rooms -H "Authorization: Bearer $ada" -d '{"kind": "public", "name": "general"}' | value id)
message='{"client_id": "01a1fb7f-0000-7000-8000-000000000001", "body": {"text": "Eleven!"}}'
ask 201 "/v1/chat/rooms/$room/messages" -H "Authorization: Bearer $ada" -d "$message" > /dev/null
ask 200 "/v1/chat/rooms/$room/messages" -H "Authorization: Bearer $ada" -d "$message" > /dev/null   # again: the same
ask 200 "/v1/chat/rooms/$room/messages" -H "Authorization: Bearer $ada" | grep 'Eleven!'

ask 201 /v1/jobs/queues -H "Authorization: Bearer $ada" -d '{"name": "thumbnails"}' > /dev/null
ask 201 /v1/jobs/queues/thumbnails/messages -H "Authorization: Bearer $ada" -d '{"body": {"image": "a.png"}}' > /dev/null
receipt=$(ask 200 /v1/jobs/queues/thumbnails/receive -H "Authorization: Bearer $ada" -d '{"wait_seconds": 5}' | value receipt)
ask 204 /v1/jobs/queues/thumbnails/messages/acknowledge -H "Authorization: Bearer $ada" -d "{\"receipt\": \"$receipt\"}"

channel=$(ask 201 /v1/stream/channels -H "Authorization: Bearer $ada" -d '{"name": "all hands"}' | value id)
ask 200 "/v1/stream/channels/$channel/tokens" -H "Authorization: Bearer $ada" \
    -d '{"grants": ["watch"], "seconds": 3600}' | grep '"token"'

ask 201 /v1/tenant/organizations -d '{"name": "Globex", "slug": "globex",
    "owner": {"name": "Mallory", "email": "mallory@globex.example", "password": "mallory has one too"}}'
mallory=$(ask 201 /v1/tenant/sessions \
    -d '{"email": "mallory@globex.example", "password": "mallory has one too"}' | value access_token)

person=$(ask 200 /v1/tenant/me -H "Authorization: Bearer $ada" | sed 's/.*person:\([^"]*\)".*/\1/')
ask 200 "/v1/tenant/members/$person" -H "Authorization: Bearer $ada" | grep ada@acme.example
ask 404 "/v1/tenant/members/$person" -H "Authorization: Bearer $mallory" | grep tenant.not_found

ask 200 /v1/tenant/api-keys -H "Authorization: Bearer $ada" | grep 'nightly report'
ask 200 /v1/tenant/api-keys -H "Authorization: Bearer $mallory" | grep -x '{"items":\[\]}'
ask 403 /v1/tenant/me -H "Authorization: Bearer $mallory" -H 'X-Tenant-ID: acme' | grep tenant.mismatch

$veza tenant suspend acme --reason 'the invoice is open' ${data:+--data "$data"} | grep suspended
soon ask 403 /v1/tenant/me -H "Authorization: Bearer $ada" | grep tenant.organization.suspended
soon ask 403 /v1/tenant/me -H "Authorization: Bearer $key" | grep tenant.organization.suspended
ask 200 /v1/tenant/me -H "Authorization: Bearer $mallory" > /dev/null

$veza tenant resume acme ${data:+--data "$data"} | grep active
soon ask 200 /v1/tenant/me -H "Authorization: Bearer $ada" > /dev/null

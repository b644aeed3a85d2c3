#!/bin/bash
# What shell functions do with bash, coreutils and curl, under provided.policy:
#     exercise.sh C_EXERCISE
set -euo pipefail
folder=$(mktemp -d /tmp/skerry-exercise-XXXXXX)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"$1" network  # `provided` is any language

# files
mkdir -p deep/er
printf '%s\n' {1..1000} > deep/numbers
cp -a deep copy
cp deep/numbers plain
mv plain renamed
ln -s renamed link
ln renamed hard
touch -d '2020-01-01' renamed
chmod 600 renamed
ls -laR . > /dev/null
find . -name 'num*' -type f -exec wc -l {} + > /dev/null
tar -czf all.tar.gz deep && tar -tzf all.tar.gz > /dev/null && tar -xzf all.tar.gz -C copy
du -sh . > /dev/null
df . > /dev/null
stat renamed > /dev/null
truncate -s 100 renamed
dd if=/dev/zero of=zeros bs=4096 count=10 2> /dev/null
mkfifo pipe
(cat pipe > from_pipe) & echo through > pipe; wait
[[ $(< from_pipe) == through ]]
cmp deep/numbers copy/deep/numbers
rm -r copy

# text
[[ $(sort -rn deep/numbers | head -n 1) == 1000 ]]
[[ $(seq 10 | tac | tail -n 1 | tr 1 x) == x ]]
grep -c 7 deep/numbers > /dev/null
sed -n '5p' deep/numbers | awk '{ print $1 * 2 }' | xargs echo > /dev/null
sha256sum deep/numbers | cut -d ' ' -f 1 > /dev/null
base64 deep/numbers | base64 -d | md5sum > /dev/null
diff <(echo a) <(echo a)
date -u +%s > /dev/null; uname -a > /dev/null; id > /dev/null; env > /dev/null; nproc > /dev/null

# processes
sleep 0.05 & child=$!
kill -0 "$child"; wait "$child"
timeout 5 true
nice -n 1 true
(trap 'exit 7' TERM; kill -TERM $BASHPID) || [[ $? == 7 ]]
ulimit -n > /dev/null
coproc cat; echo line >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; [[ $line == line ]]
exec {COPROC[1]}>&-

# the Runtime API as such functions speak it: against a server that the exercise starts itself
/usr/bin/python3 - "$folder/port" <<'SERVER' &
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "1")
        self.end_headers()
        self.wfile.write(b"event")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
for _ in range(2):
    server.handle_request()
SERVER
for _ in {1..200}; do [[ -s port ]] && break; sleep 0.05; done
api=http://127.0.0.1:$(< port)/2018-06-01/runtime/invocation
[[ $(curl -sS -D headers "$api/next") == event ]]
grep -qi 'lambda-runtime-aws-request-id: 1' headers
curl -sS -X POST -d 'answer' "$api/1/response"
wait

#!/usr/bin/env bash
# A cluster of this machine, which asks for a token: a study as a Ray job, the same again by `fairray submit`, one that
# is stopped in the middle and run again, and a visitor without the token. The results stay in FOLDER; what is started
# here is ended here.
#   deploy/try_locally.sh FOLDER [key=value ...]
set -euo pipefail
folder=$(realpath --canonicalize-missing "$1") && shift && mkdir -p "$folder"
settings=("$@")
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$folder/token OMP_WAIT_POLICY=PASSIVE
unset RAY_ADDRESS RAY_AUTH_TOKEN

say() { printf '\n== %s\n' "$*"; }
stored() { find "$folder/$1/store" -name spec.json -printf '%P %i %T@\n' 2>/dev/null | sort; }
submit() {  # OUTPUT [options of ray job submit]
  ray job submit --working-dir . "${@:2}" -- \
    python studies/bade_benchmarks.py --scale smoke "launch.output=$folder/$1" "${settings[@]}"
}

say "a head that asks for a token"
python -c 'import secrets; print(secrets.token_hex(32), end="")' > "$RAY_AUTH_TOKEN_PATH"
read -r gcs dashboard client agent < <(python -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(one.getsockname()[1] for one in sockets))')
export RAY_API_SERVER_ADDRESS=http://127.0.0.1:$dashboard
sockets=$(mktemp --directory /tmp/fairray.XXXX)  # Ray's need a short path
ray start --head --block --disable-usage-stats --num-cpus=2 --port="$gcs" --dashboard-port="$dashboard" \
  --ray-client-server-port="$client" --dashboard-agent-listen-port="$agent" --min-worker-port=0 --max-worker-port=0 \
  --temp-dir="$sockets" > "$folder/head.log" 2>&1 &
head=$!
trap 'kill $head 2>/dev/null; wait $head || true; rm -rf "$sockets"' EXIT
until ray job list > "$folder/jobs.log" 2>&1; do
  kill -0 $head || { cat "$folder/head.log"; exit 1; }
  sleep 1
done

say "a study as a job"
submit whole
ls "$folder/whole/reports/bade_benchmarks/smoke/report.html"

say "the same again computes nothing"
python -m fairray submit bade_benchmarks --scale smoke "launch.output=$folder/whole" "${settings[@]}" | tee "$folder/again.log"
grep --quiet "everything is stored" "$folder/again.log"

say "a job that is stopped in the middle"
submit stopped --no-wait --submission-id=stopped
for _ in {1..600}; do
  if [[ $(stored stopped | wc -l) -ge 3 ]]; then break; fi
  sleep 0.2
done
ray job stop stopped
stored stopped > "$folder/before"

say "run again, it goes on, and redoes nothing"
submit stopped
stored stopped > "$folder/after"
echo "stages stored before: $(wc -l < "$folder/before"), after: $(wc -l < "$folder/after")"
[[ $(wc -l < "$folder/before") -lt $(wc -l < "$folder/after") ]]
[[ -z $(comm -23 "$folder/before" "$folder/after") ]]

say "without the token it is refused"
export RAY_AUTH_MODE=disabled
if ray job list > "$folder/refused.log" 2>&1; then exit 1; fi
grep AuthenticationError "$folder/refused.log"
if python -m fairray submit bade_benchmarks --scale smoke "launch.output=$folder/whole" "${settings[@]}"; then exit 1; fi
say "all of it worked"

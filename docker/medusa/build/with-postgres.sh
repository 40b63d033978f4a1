#!/usr/bin/env bash
# with-postgres.sh COMMAND...: runs it with SCRATCH_DATABASE_URL, an empty database of a PostgreSQL made for it alone.
# The server's programs are looked for in $PG_BIN, on the PATH and where Debian keeps them.
set -euo pipefail

for folder in ${PG_BIN:+"$PG_BIN"} "$(dirname "$(type -P initdb || echo .)")" /usr/lib/postgresql/*/bin; do
  [ -x "$folder/initdb" ] && [ -x "$folder/pg_dump" ] && bin=$folder && break
done
export PATH=${bin:?no PostgreSQL server found: set PG_BIN}:$PATH

# PostgreSQL refuses to run as root
as=()
if [ "$(id -u)" = 0 ]; then
  user=$(id -u postgres 2>/dev/null || id -u nobody)
  as=(setpriv --reuid "$user" --regid "$user" --clear-groups)
fi

data=$(mktemp -d)
[ ${#as[@]} = 0 ] || chown "$user" "$data"
stop() {
  "${as[@]}" pg_ctl -D "$data/db" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$data"
}
trap stop EXIT

port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
"${as[@]}" initdb -D "$data/db" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
"${as[@]}" pg_ctl -D "$data/db" -l "$data/log" -w start \
  -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$data -c fsync=off" >/dev/null || { cat "$data/log" >&2; exit 1; }

SCRATCH_DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable" "$@"

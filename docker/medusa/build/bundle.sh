#!/usr/bin/env bash
# bundle.sh OUT: Medusa ready to run in OUT ("node server.js" there), the same as in the image.
# Needs Node 20+ with npm, and a PostgreSQL: SCRATCH_DATABASE_URL, or programs that with-postgres.sh finds.
# A finished step is not repeated until one of its files changes, so an interrupted run goes on where it stopped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd -P)
mkdir -p "${BUNDLE_WORK:-$out.work}"
# npm below a symbolic link writes paths that prune.mjs wouldn't find
work=$(cd "${BUNDLE_WORK:-$out.work}" && pwd -P)
before=''

step() { # step NAME "FILES..." COMMAND...: FILES below docker/medusa; a repeated step repeats all later ones
  local name=$1 files=$2 marker=$work/.$1 hash
  shift 2
  # shellcheck disable=SC2086 # a list of words
  hash=$(cd "$here/.." && { printf '%s' "$before"; find $files -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 cksum; } | cksum)
  before=$hash
  if [ "$(cat "$marker" 2>/dev/null)" = "$hash" ]; then return; fi
  echo "bundle: $name" >&2
  rm -f "$marker"
  "$@"
  printf '%s\n' "$hash" >"$marker"
}

step install 'package.json package-lock.json .npmrc build/install.sh' "$here/install.sh" "$work"
step compile 'src tsconfig.json medusa-config.ts build/compile.sh' "$here/compile.sh" "$work"
step assemble 'server.js boot demo NOTICE LICENSE.medusa build/prune.mjs build/assemble.sh' "$here/assemble.sh" "$work" "$out"
if [ -n "${SCRATCH_DATABASE_URL:-}" ]; then
  step template 'build/template.sh' "$here/template.sh" "$out"
else
  step template 'build/template.sh' "$here/with-postgres.sh" "$here/template.sh" "$out"
fi

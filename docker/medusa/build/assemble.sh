#!/usr/bin/env bash
# assemble.sh WORK OUT: all that runs, and nothing that only builds, from WORK to OUT.
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
work=$1 out=$2

rm -rf "$out"
mkdir -p "$out/static"
cp -R "$work"/.medusa/server/{src,public,medusa-config.js} "$out"
cp -R "$source"/{package.json,server.js,boot,demo,NOTICE,LICENSE.medusa} "$out"
node "$source/build/prune.mjs" "$work" "$out"
# Medusa's command line, for "db:migrate" when a store gets a newer image
mkdir "$out/node_modules/.bin"
ln -s ../@medusajs/cli/cli.js "$out/node_modules/.bin/medusa"

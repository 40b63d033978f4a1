#!/usr/bin/env bash
# install.sh WORK: the locked packages, those for building included, into WORK/node_modules.
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
work=$1

mkdir -p "$work"
cp "$source"/{package.json,package-lock.json,.npmrc} "$work"
# not "npm ci": where a registry lacks a package for some foreign platform it calls the lock out of sync
npm install --prefix "$work"

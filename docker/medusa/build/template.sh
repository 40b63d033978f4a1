#!/usr/bin/env bash
# template.sh OUT: OUT/template.sql, a migrated database with the demo shop and without any key or user.
# SCRATCH_DATABASE_URL names an empty database to make it in; psql and pg_dump are on the PATH.
set -euo pipefail
out=$1 url=${SCRATCH_DATABASE_URL:?names an empty PostgreSQL database}

cd "$out"
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
medusa() {
  env HOME="$home" MEDUSA_DISABLE_TELEMETRY=1 NODE_ENV=production DATABASE_URL="$url" \
    JWT_SECRET=scratch COOKIE_SECRET=scratch node_modules/.bin/medusa "$@"
}
medusa db:migrate --execute-safe-links
medusa exec ./src/scripts/seed.js

# Medusa's command line may fail and exit 0, so the result is counted.
# The key stays as a revoked row: it carries the link to the sales channel, its token is every store's own.
psql "$url" --quiet --no-psqlrc --set ON_ERROR_STOP=1 <<'SQL'
do $$ begin
  assert (select count(*) from product) = 8 and (select count(*) from region) = 2
    and (select count(*) from inventory_level) > 8 and (select count(*) from publishable_api_key_sales_channel) = 1,
    'the demo shop is incomplete';
end $$;
truncate "user", auth_identity, provider_identity, invite, workflow_execution cascade;
update api_key set title = 'Storefront', token = 'unset', redacted = 'unset', revoked_at = now(), revoked_by = 'template';
SQL

# settings of the session and psql's own commands go: the template runs in any client and any release
pg_dump --no-owner --no-privileges --inserts --rows-per-insert=1000 "$url" |
  sed -E '/^\\(un)?restrict /d; /^SET [a-z_]+ = .*;$/d; /^SELECT pg_catalog\.set_config\(/d; /^--/d; /^$/d' >"$home/template.sql"
mv "$home/template.sql" template.sql

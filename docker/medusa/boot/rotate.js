"use strict"
// Gives the database role and the store's first admin their new passwords: node boot/rotate.js
// Both in one transaction, so that either the old pair works or the new one. Run again it does the same again: where the old password
// is refused, the new one is in force already. Nothing is logged but what was done.

const { LOCK, connect, hashed, verifier } = require("./database")
const { log } = require("./log")

const REQUIRED = ["DATABASE_URL", "NEW_DATABASE_URL", "ADMIN_EMAIL", "NEW_ADMIN_PASSWORD"]

async function rotate(env) {
  const missing = REQUIRED.filter((name) => !env[name])
  if (missing.length > 0) {
    throw new Error(`${missing.join(", ")} missing`)
  }
  const role = decodeURIComponent(new URL(env.NEW_DATABASE_URL).password)
  const client = await connect(env.DATABASE_URL, env.NEW_DATABASE_URL)
  try {
    await client.query("begin")
    await client.query("select pg_advisory_xact_lock($1)", [LOCK])
    // an admin whom the merchant has removed or renamed is not brought back
    const { rowCount } = await client.query(
      `update provider_identity
       set provider_metadata = coalesce(provider_metadata, '{}'::jsonb) || jsonb_build_object('password', $2::text), updated_at = now()
       where provider = 'emailpass' and entity_id = $1 and deleted_at is null`,
      [env.ADMIN_EMAIL, await hashed(env.NEW_ADMIN_PASSWORD)]
    )
    await client.query(`alter role current_user password ${client.escapeLiteral(verifier(role))}`)
    await client.query("commit")
    log("info", "New passwords are set", { admins: rowCount })
  } finally {
    await client.end()
  }
  // what the shop is about to do
  await (await connect(env.NEW_DATABASE_URL)).end()
}

rotate(process.env).catch((error) => {
  log("error", "The new passwords could not be set", { reason: error.message })
  process.exit(1)
})

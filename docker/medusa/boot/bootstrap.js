"use strict"
// Turns an empty database into this store's: template, store name, publishable key, admin. All in one transaction, so a
// killed run leaves nothing; a database that has its tables is left as it is.
// Runs as a worker thread of server.js, beside the loading of Medusa's modules, or by hand: node boot/bootstrap.js

const { randomBytes } = require("node:crypto")
const { readFileSync } = require("node:fs")
const path = require("node:path")

const { LOCK, connect, hashed } = require("./database")
const { log } = require("./log")

const hasTables = async (client) =>
  (await client.query("select to_regclass('public.mikro_orm_migrations') is not null as yes")).rows[0].yes

const id = (prefix) => `${prefix}_${randomBytes(13).toString("hex").toUpperCase()}`

async function fill(client, env) {
  await client.query(readFileSync(path.join(__dirname, "..", "template.sql"), "utf8"))
  await client.query("update store set name = $1", [env.STORE_NAME])
  await client.query(
    "update api_key set token = $1, redacted = $2, revoked_at = null, revoked_by = null where type = 'publishable'",
    [env.PUBLISHABLE_KEY, `${env.PUBLISHABLE_KEY.slice(0, 6)}***${env.PUBLISHABLE_KEY.slice(-3)}`]
  )
  const [user, auth] = [id("user"), id("authid")]
  const password = await hashed(env.ADMIN_PASSWORD)
  await client.query('insert into "user" (id, email) values ($1, $2)', [user, env.ADMIN_EMAIL])
  await client.query("insert into auth_identity (id, app_metadata) values ($1, $2)", [auth, { user_id: user }])
  await client.query(
    `insert into provider_identity (id, entity_id, provider, auth_identity_id, provider_metadata)
     values ($1, $2, 'emailpass', $3, $4)`,
    [id("provid"), env.ADMIN_EMAIL, auth, { password }]
  )
}

async function bootstrap(env) {
  const client = await connect(env.DATABASE_URL)
  try {
    if (await hasTables(client)) {
      return
    }
    const started = Date.now()
    await client.query("begin")
    await client.query("select pg_advisory_xact_lock($1)", [LOCK])
    // another replica may have filled it while this one waited for the lock
    if (!(await hasTables(client))) {
      await fill(client, env)
      log("info", "Database filled from the template", { duration_ms: Date.now() - started })
    }
    await client.query("commit")
  } finally {
    await client.end()
  }
}

bootstrap(process.env).catch((error) => {
  log("error", "The database could not be prepared", { reason: error.message })
  // in a worker thread this ends the thread alone; server.js then ends the process
  process.exit(1)
})

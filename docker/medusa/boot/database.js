"use strict"
// What bootstrap and rotation share: a patient connection, and passwords in the forms in which they are kept.

const { createHash, createHmac, pbkdf2Sync, randomBytes } = require("node:crypto")

const { Client } = require("pg")
const scrypt = require("scrypt-kdf")

const { log } = require("./log")

const RETRY_MS = 100
// short at first: a packet sent while the Service has no endpoint yet is never answered; longer for a slow server
const CONNECT_TIMEOUT_MS = { first: 250, longest: 5000 }
const PATIENCE_MS = 120_000
const LOCK = 7305217001 // any constant: the advisory lock of all who prepare or change one database's accounts
const SCRYPT = { logN: 15, r: 8, p: 1 } // what Medusa's emailpass provider uses
const SCRAM_ROUNDS = 4096 // PostgreSQL's own
const WRONG_PASSWORD = "28P01"

/** A client by the first of the addresses whose password the database takes; waits for the database to be there. */
async function connect(...urls) {
  const deadline = Date.now() + PATIENCE_MS
  let timeout = CONNECT_TIMEOUT_MS.first
  let turn = 0
  let reason
  for (;;) {
    const attempted = Date.now()
    const client = new Client({ connectionString: urls[turn % urls.length], connectionTimeoutMillis: timeout })
    // without a listener a connection lost later would end the process
    client.on("error", () => {})
    try {
      await client.connect()
      return client
    } catch (error) {
      await client.end().catch(() => {})
      if (Date.now() > deadline) {
        throw error
      }
      if (error.code === WRONG_PASSWORD) {
        turn += 1
        if (turn % urls.length !== 0) {
          continue
        }
      }
      if (error.message !== reason) {
        reason = error.message
        log("info", "Waiting for the database", { reason })
      }
      if (Date.now() - attempted >= timeout) {
        timeout = Math.min(timeout * 2, CONNECT_TIMEOUT_MS.longest)
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}

/** As Medusa keeps an admin's password. */
async function hashed(password) {
  return (await scrypt.kdf(password, SCRYPT)).toString("base64")
}

/** As PostgreSQL keeps a role's password (RFC 5803): sent instead of it, so that no log of a failed statement can show it. */
function verifier(password) {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, SCRAM_ROUNDS, 32, "sha256")
  const key = (name) => createHmac("sha256", salted).update(name).digest()
  const stored = createHash("sha256").update(key("Client Key")).digest("base64")
  return `SCRAM-SHA-256$${SCRAM_ROUNDS}:${salt.toString("base64")}$${stored}:${key("Server Key").toString("base64")}`
}

module.exports = { LOCK, connect, hashed, verifier }

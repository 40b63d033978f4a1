"use strict"

const present = (value) => value.length > 0
const url = (...protocols) => (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol)

// name: [check, what is expected]
const REQUIRED = {
  DATABASE_URL: [url("postgres:", "postgresql:"), "postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=disable"],
  JWT_SECRET: [present, "a random string"],
  COOKIE_SECRET: [present, "a random string"],
  PUBLISHABLE_KEY: [(value) => /^pk_\w{16,}$/.test(value), "pk_ and at least 16 letters or digits"],
  ADMIN_EMAIL: [(value) => /^\S+@\S+$/.test(value), "an e-mail address"],
  ADMIN_PASSWORD: [present, "the first admin's password"],
  STORE_NAME: [present, "the shop's name"],
  PUBLIC_URL: [url("http:", "https:"), "the shop's address, such as https://shop.example.com"],
}

/** Every problem of the environment at once, without a value of it: some are secrets. */
function problems(env) {
  const found = []
  for (const [name, [check, expected]] of Object.entries(REQUIRED)) {
    if (!env[name]) {
      found.push(`${name} is missing (${expected})`)
    } else if (!check(env[name])) {
      found.push(`${name} is not ${expected}`)
    }
  }
  const port = Number(env.PORT ?? 9000)
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    found.push("PORT is not a number from 1 to 65535")
  }
  return found
}

module.exports = { problems }

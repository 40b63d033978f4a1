"use strict"
// Starts Medusa without its command line, which needs a writable home. See README.md for the environment.

const { once } = require("node:events")
const path = require("node:path")
const { Worker } = require("node:worker_threads")

const { problems } = require("./boot/environment")

async function main() {
  const found = problems(process.env)
  if (found.length > 0) {
    process.stderr.write(`medusa: ${found.join("; ")}\n`)
    process.exit(2)
  }
  // as process 1 of a container a signal without a handler is ignored; Medusa sets its own once it listens
  const stop = () => process.exit(0)
  process.once("SIGTERM", stop)
  process.once("SIGINT", stop)

  // the working folder, which may differ from this file's: stores that share one unpacked copy have a static/ each
  const directory = process.cwd()
  // the database is prepared in a thread of its own while this one loads modules
  const bootstrap = once(new Worker(path.join(__dirname, "boot", "bootstrap.js")), "exit")
  const start = require("@medusajs/medusa/commands/start").default
  await require("./boot/preload").preload(directory)
  const [code] = await bootstrap
  if (code !== 0) {
    process.exit(1)
  }
  await start({ directory, port: Number(process.env.PORT ?? 9000), host: process.env.HOST })
  process.off("SIGTERM", stop)
  process.off("SIGINT", stop)
}

main()

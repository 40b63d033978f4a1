"use strict"

const { readdirSync } = require("node:fs")
const path = require("node:path")

const ROUTES = path.join(path.dirname(require.resolve("@medusajs/medusa/package.json")), "dist", "api")

/**
 * Loads the code that Medusa's start would load once it has a database: about 1.7 s of work that hides in the wait for one.
 * Only a matter of time: whatever it misses is loaded later.
 */
async function preload(directory) {
  // the configuration first, as Medusa does: feature flags are read while its modules load
  const { initializeContainer } = require("@medusajs/medusa/loaders/index")
  const container = await initializeContainer(directory, { skipDbConnection: true })
  require("@medusajs/medusa/core-flows")
  for (const { resolve } of Object.values(container.resolve("configModule").modules ?? {})) {
    if (typeof resolve === "string") {
      require(resolve)
    }
  }
  for (const file of readdirSync(ROUTES, { recursive: true })) {
    if (file.endsWith(`${path.sep}route.js`)) {
      require(path.join(ROUTES, file))
    }
  }
}

module.exports = { preload }

"use strict"

/** One JSON object a line, as Medusa logs in production. */
function log(level, message, pairs = {}) {
  process.stdout.write(`${JSON.stringify({ level, message, ...pairs, timestamp: new Date().toISOString() })}\n`)
}

module.exports = { log }

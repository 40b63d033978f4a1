// prune.mjs FROM TO: copies the part of FROM/node_modules that a running Medusa needs to TO/node_modules.
// Walks the installed packages from the root's dependencies, never into those named in CUT: what only they need stays out.
import fs from "node:fs"
import path from "node:path"

const [from, to] = process.argv.slice(2)

// needed to build (the admin's bundler and pages, compilers) or by the pages of plugins, already in the bundle
const CUT = new Set([
  "@ariakit/react",
  "@hookform/resolvers",
  "@medusajs/admin-vite-plugin",
  "@medusajs/dashboard",
  "@medusajs/icons",
  "@medusajs/js-sdk",
  "@medusajs/ui",
  "@swc/core",
  "@tanstack/react-query",
  "@tanstack/react-table",
  "@types/node",
  "@vitejs/plugin-react",
  "autoprefixer",
  "date-fns",
  "postcss",
  "react",
  "react-dom",
  "react-hook-form",
  "react-router-dom",
  "tailwindcss",
  "ts-node",
  "typescript",
  "vite",
])
const UNUSED_FILE = /(\.map|\.d\.[cm]?ts|\.tsx?|\.flow|\.tsbuildinfo|\.md|\.markdown)$/i
const UNUSED_FOLDER = /^(test|tests|__tests__|__mocks__|docs|example|examples|coverage|\.github)$/
const LEGAL = /^(licen[cs]e|notice|copying|copyright)/i

const lock = JSON.parse(fs.readFileSync(path.join(from, "node_modules/.package-lock.json"), "utf8")).packages
const root = JSON.parse(fs.readFileSync(path.join(from, "package.json"), "utf8"))

// as Node resolves: the nearest node_modules upwards
function find(place, name) {
  for (;;) {
    const candidate = path.posix.join(place, "node_modules", name)
    if (candidate in lock) return candidate
    if (place === "") return undefined
    const cut = place.lastIndexOf("/node_modules/")
    place = cut < 0 ? "" : place.slice(0, cut)
  }
}

const kept = new Set()
const waiting = Object.keys(root.dependencies).map((name) => ["", name])
while (waiting.length > 0) {
  const [place, name] = waiting.pop()
  const found = CUT.has(name) ? undefined : find(place, name)
  if (found === undefined || kept.has(found)) continue
  kept.add(found)
  const { dependencies, optionalDependencies, peerDependencies } = lock[found]
  for (const next of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) waiting.push([found, next])
}

function wanted(source) {
  const name = path.basename(source)
  if (fs.lstatSync(source).isDirectory()) {
    return name !== "node_modules" && !UNUSED_FOLDER.test(name)
  }
  return LEGAL.test(name) || !UNUSED_FILE.test(name)
}

for (const folder of [...kept].sort()) {
  const target = path.join(to, folder)
  // its own root may be called "example" or "docs"; only what lies below is judged
  fs.mkdirSync(target, { recursive: true })
  for (const entry of fs.readdirSync(path.join(from, folder))) {
    fs.cpSync(path.join(from, folder, entry), path.join(target, entry), { recursive: true, filter: wanted, verbatimSymlinks: true })
  }
}
console.log(`kept ${kept.size} of ${Object.keys(lock).length} packages`)

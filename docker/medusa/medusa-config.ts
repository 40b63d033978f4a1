import { defineConfig } from "@medusajs/framework/utils"

const { PUBLIC_URL = "http://localhost:9000" } = process.env
const tls = /[?&]sslmode=(require|verify-ca|verify-full)\b/.test(process.env.DATABASE_URL ?? "")

export default defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: {
      connection: { ssl: tls },
      // min 0: a restarted database leaves no dead connections to fail on
      pool: { min: 0, max: 10 },
    },
    // an admin behind plain http gets no Secure cookie it could never send back; Medusa's type lacks the value, express-session knows it
    cookieOptions: { secure: "auto" as unknown as boolean },
    http: {
      storeCors: process.env.STORE_CORS ?? PUBLIC_URL,
      adminCors: process.env.ADMIN_CORS ?? PUBLIC_URL,
      authCors: process.env.AUTH_CORS ?? PUBLIC_URL,
      jwtSecret: process.env.JWT_SECRET,
      cookieSecret: process.env.COOKIE_SECRET,
    },
  },
  // one build serves every store: the admin calls the host it was loaded from
  admin: {
    backendUrl: "/",
    // the bundler would open 1,000 files at once and, where no more than 1,024 may be open, call some of them missing
    vite: () => ({ build: { rollupOptions: { maxParallelFileOps: 64 } } }),
  },
  modules: [
    {
      resolve: "@medusajs/medusa/file",
      options: {
        providers: [
          {
            resolve: "@medusajs/medusa/file-local",
            id: "local",
            options: { backend_url: `${PUBLIC_URL}/static` },
          },
        ],
      },
    },
  ],
})

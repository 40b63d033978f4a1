import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"

const PATIENCE_MS = 2000

/** Readiness: 200 while the database answers within two seconds, else 503. (/health stays 200 without one.) */
export async function GET(req: MedusaRequest, res: MedusaResponse): Promise<void> {
  const database = req.scope.resolve(ContainerRegistrationKeys.PG_CONNECTION)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  })
  try {
    await Promise.race([database.raw("select 1"), late])
    res.status(200).json({ ready: true })
  } catch {
    res.status(503).json({ ready: false, reason: "DatabaseUnavailable" })
  } finally {
    clearTimeout(timer)
  }
}

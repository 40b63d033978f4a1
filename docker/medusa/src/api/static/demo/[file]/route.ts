import path from "node:path"

import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"

const PICTURES = path.join(process.cwd(), "demo")

/** The demo catalogue's pictures, from the image: <cwd>/static is a volume and starts empty. */
export async function GET(req: MedusaRequest, res: MedusaResponse): Promise<void> {
  res.sendFile(req.params.file, { root: PICTURES, maxAge: "1h" }, (error) => {
    if (error && !res.headersSent) {
      res.sendStatus(404)
    }
  })
}

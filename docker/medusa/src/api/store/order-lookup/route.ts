import { createHash, timingSafeEqual } from "node:crypto"

import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"

import { Limiter } from "./limiter"

// eight tries in a minute are plenty for somebody with a receipt in the hand
const limiter = new Limiter({ tries: 8, windowMs: 60_000, addresses: 10_000 })
// every answer takes this long, so that its time doesn't tell whether the number exists
const ANSWER_MS = 250
const LARGEST_NUMBER = 2_147_483_647

/**
 * GET /store/order-lookup?display_id=NUMBER&email=ADDRESS: the id of the guest's or customer's order of that number and e-mail.
 * 404 where the two don't belong together, 400 for what is no number or no address, 429 with Retry-After for too many tries.
 * The order itself is then read at /store/orders/ID, which Medusa opens to whoever knows the id.
 */
export async function GET(req: MedusaRequest, res: MedusaResponse): Promise<void> {
  const wait = limiter.hit(req.ip ?? "")
  if (wait > 0) {
    res.setHeader("Retry-After", String(wait))
    res.status(429).json({ type: "not_allowed", message: "Too many tries: wait a little" })
    return
  }
  const number = Number(req.query.display_id)
  const email = typeof req.query.email === "string" ? req.query.email.trim() : ""
  if (!Number.isInteger(number) || number < 1 || number > LARGEST_NUMBER || !/^\S+@\S+$/.test(email) || email.length > 320) {
    res.status(400).json({ type: "invalid_data", message: "display_id must be an order number and email an address" })
    return
  }
  const due = new Promise((resolve) => setTimeout(resolve, ANSWER_MS))
  const { data } = await req.scope.resolve(ContainerRegistrationKeys.QUERY).graph({
    entity: "order",
    fields: ["id", "display_id", "email"],
    filters: { display_id: number },
  })
  const order = data.find((candidate) => same(candidate.email ?? "", email))
  await due
  res.setHeader("Cache-Control", "no-store")
  if (order === undefined) {
    res.status(404).json({ type: "not_found", message: "There is no order with this number and e-mail" })
    return
  }
  res.status(200).json({ order: { id: order.id, display_id: order.display_id } })
}

function same(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text.trim().toLowerCase()).digest()
  return timingSafeEqual(digest(one), digest(other))
}

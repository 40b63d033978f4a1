type Window = { tries: number; ends: number }

/** Counts tries by address in fixed windows, in this process's memory. Above `addresses` the oldest windows are forgotten. */
export class Limiter {
  private readonly windows = new Map<string, Window>()

  constructor(private readonly limit: { tries: number; windowMs: number; addresses: number }) {}

  /** Counts one more; the seconds to wait before the next is allowed, 0 where this one is. */
  hit(address: string, now = Date.now()): number {
    const key = network(address)
    let window = this.windows.get(key)
    if (window === undefined || window.ends <= now) {
      this.windows.delete(key)
      window = { tries: 0, ends: now + this.limit.windowMs }
      this.windows.set(key, window)
      this.forget(now)
    }
    window.tries += 1
    return window.tries > this.limit.tries ? Math.ceil((window.ends - now) / 1000) : 0
  }

  /** A map keeps the order of insertion and all windows are equally long: the first ones end first. */
  private forget(now: number): void {
    for (const [key, window] of this.windows) {
      if (window.ends > now && this.windows.size <= this.limit.addresses) {
        return
      }
      this.windows.delete(key)
    }
  }
}

/** An IPv4 address itself; of an IPv6 address its first 64 bits, for one household has all the rest. */
function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped) {
    return mapped[1]
  }
  if (!address.includes(":")) {
    return address
  }
  const [head, tail] = address.split("::").map((part) => part.split(":").filter(Boolean))
  const groups = tail === undefined ? head : [...head, ...Array(Math.max(0, 8 - head.length - tail.length)).fill("0"), ...tail]
  return groups.slice(0, 4).join(":")
}

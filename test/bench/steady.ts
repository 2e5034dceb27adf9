/** Latencies at a steady rate, milliseconds. */
export type Steady = { readonly p50Ms: number; readonly p99Ms: number }

/**
 * Sends calls at fixed times, whether or not the ones before are answered: a target that stalls
 * then has all of those that came meanwhile to answer for. A timer is late by up to a millisecond,
 * the same for every target, so each call counts from when it was sent.
 *
 * Throws at the first answer that is no 200, or not whole.
 */
export async function sendSteadily(
  call: () => Promise<void>,
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
): Promise<Steady> {
  const latencies: number[] = []
  const underWay: Promise<void>[] = []
  const all = perSecond * seconds
  const startedAt = performance.now()
  const one = async () => {
    const sentAt = performance.now()
    await call()
    latencies.push(performance.now() - sentAt)
  }
  while (underWay.length < all) {
    const due = Math.min(all, Math.floor(((performance.now() - startedAt) * perSecond) / 1_000))
    while (underWay.length < due) underWay.push(one())
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(underWay)
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.ceil(latencies.length * share) - 1]!
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

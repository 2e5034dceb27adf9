/** How long between two looks, milliseconds. */
const PAUSE_MS = 5

/**
 * What `check` answers, once it no longer throws (or rejects). After the deadline it throws what
 * `check` threw last, so that the test fails with the claim that was not met.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { deadlineMs = 5_000 }: { readonly deadlineMs?: number } = {},
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() >= end) throw error
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}

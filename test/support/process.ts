/** A server that runs as a process of its own, and has said where it listens. */
export type Process = {
  readonly url: string
  readonly pid: number
  /** All that it wrote so far, to either stream. */
  readonly output: () => string
  /** SIGTERM; resolves with the exit code. */
  readonly stop: () => Promise<number>
  /** SIGKILL; resolves when it is dead. */
  readonly kill: () => Promise<void>
}

/** With what ends the word: the line may come in two pieces. */
const LISTENING = /listening on (http:\S+)\s/
const START_MS_MAX = 20_000
const STOP_MS_MAX = 25_000

/**
 * Kills the child when we are gone, whichever way we went: also by SIGKILL, when no handler of ours
 * runs. The guard waits for the end of its input, and that is a pipe which only we hold open.
 * Detached, so that what a terminal or `timeout` sends to the whole group does not reach it.
 */
function guard(child: Bun.Subprocess) {
  const watcher = Bun.spawn(['sh', '-c', 'read _; kill -9 "$0"', String(child.pid)], {
    detached: true,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  })
  watcher.unref()
  void child.exited.then(() => watcher.kill('SIGKILL'))
}

/** Resolves when the process listens; rejects with its output if it ends before that. */
export async function launch(
  command: readonly string[],
  { env, folder }: { readonly env: Readonly<Record<string, string>>; readonly folder: string },
): Promise<Process> {
  const child = Bun.spawn([...command], {
    cwd: folder,
    env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  guard(child)
  let text = ''
  const url = Promise.withResolvers<string>()
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const bytes of stream) {
      text += decoder.decode(bytes, { stream: true })
      const found = LISTENING.exec(text)?.[1]
      if (found !== undefined) url.resolve(found)
    }
  }
  const wholeOutput = Promise.all([read(child.stdout), read(child.stderr)])
  const failed = (why: string) =>
    url.reject(new Error(`${command.join(' ')}\n${why}. It wrote:\n${text}`))

  const late = setTimeout(() => {
    failed(`did not listen within ${START_MS_MAX} ms`)
    child.kill('SIGKILL')
  }, START_MS_MAX)
  void child.exited.then(async (code) => {
    await wholeOutput
    failed(`ended with ${child.signalCode ?? code} before it listened`)
  })
  const kill = async () => {
    child.kill('SIGKILL')
    await child.exited
  }
  const output = () => text
  try {
    const { pid } = child
    return { url: await url.promise, pid, output, stop: () => stop(child, output), kill }
  } finally {
    clearTimeout(late)
  }
}

async function stop(child: Bun.Subprocess, output: () => string): Promise<number> {
  let isLate = false
  const late = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, STOP_MS_MAX)
  child.kill('SIGTERM')
  const code = await child.exited
  clearTimeout(late)
  if (isLate) throw new Error(`did not stop within ${STOP_MS_MAX} ms. It wrote:\n${output()}`)
  return code
}

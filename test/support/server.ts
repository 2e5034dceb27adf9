import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { BUN_SETTINGS } from '../../src/runtime/runtime.ts'
import { launch } from './process.ts'

/** The real server, as a process of its own. */
export type Server = AsyncDisposable & {
  /** Without a trailing slash, and without `/v1`. */
  readonly url: string
  /** The master key. */
  readonly key: string
  /** Holds the config and the database; given to another start, it is a restart. */
  readonly folder: string
  readonly databasePath: string
  readonly pid: number
  /** All that it wrote so far, to either stream. */
  output(): string
  /** With the master key, unless the call brings its own `authorization`. */
  fetch(path: string, init?: Ask): Promise<Response>
  /** The same, read to its end. */
  ask(path: string, init?: Ask): Promise<Told>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>
}

/** `json` is a body, and makes the call a POST. */
export type Ask = RequestInit & { readonly json?: unknown }

export type Told = {
  readonly status: number
  readonly headers: Headers
  /** Null: the body is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what it expects, and fails if not.
  readonly json: any
  readonly text: string
}

export type ServerOptions = {
  /** The text of `config.yaml`. Default: that of the folder, or else none. */
  readonly config?: string
  /** Added to an environment that has nothing but PATH and HOME; undefined takes a name out. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** After our own flags, and so stronger than those. */
  readonly args?: readonly string[]
  /** What to run. Default: `TOLLGATE_COMMAND`, a JSON array, or else the source under this runtime. */
  readonly command?: readonly string[]
  /** A folder of an earlier start. Default: a fresh one, which goes with the server. */
  readonly folder?: string
}

const ROOT = resolve(import.meta.dir, '../..')
const SOURCE = [process.execPath, 'run', 'src/main.ts']
/** Resolves when the server listens; rejects with its output if it ends before that. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'tollgate-'))
  const databasePath = join(folder, 'tollgate.db')
  const configPath = join(folder, 'config.yaml')
  if (options.config !== undefined) writeFileSync(configPath, options.config)

  const env = environmentOf(options)
  const flags = ['--port', '0', '--db', databasePath]
  if (existsSync(configPath)) flags.push('--config', configPath)
  const command = [...commandOf(options), ...flags, ...(options.args ?? [])]
  const removeFolder = () => {
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
  }
  const process = await launch(command, { env, folder }).catch((error: unknown) => {
    removeFolder()
    throw error
  })
  const key = env['TOLLGATE_MASTER_KEY'] ?? env['LITELLM_MASTER_KEY'] ?? ''
  const { url } = process
  const send = (path: string, init: Ask = {}) => fetch(`${url}${path}`, requestOf(init, key))
  return {
    url,
    key,
    folder,
    databasePath,
    pid: process.pid,
    output: process.output,
    fetch: send,
    ask: async (path, init) => told(await send(path, init)),
    stop: process.stop,
    kill: process.kill,
    async [Symbol.asyncDispose]() {
      await process.kill()
      removeFolder()
    },
  }
}

function environmentOf({ env }: ServerOptions): Record<string, string> {
  const all = {
    PATH: `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}`,
    HOME: process.env['HOME'],
    TOLLGATE_MASTER_KEY: 'sk-test',
    // The server sets them itself, at the cost of a second start.
    ...BUN_SETTINGS,
    ...env,
  }
  const given = Object.entries(all).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as Record<string, string>
}

/** The server runs in its own folder, so paths of the command are taken from the root here. */
function commandOf({ command }: ServerOptions): string[] {
  const named = process.env['TOLLGATE_COMMAND']
  const words = command ?? (named === undefined ? SOURCE : (JSON.parse(named) as string[]))
  return words.map((word) => (existsSync(join(ROOT, word)) ? join(ROOT, word) : word))
}

function requestOf({ json, ...init }: Ask, key: string): RequestInit {
  const headers = new Headers(init.headers)
  if (!headers.has('authorization')) headers.set('authorization', `Bearer ${key}`)
  if (json === undefined) return { ...init, headers }
  headers.set('content-type', 'application/json')
  return { method: 'POST', ...init, headers, body: JSON.stringify(json) }
}

async function told(response: Response): Promise<Told> {
  const text = await response.text()
  const { status, headers } = response
  try {
    return { status, headers, text, json: JSON.parse(text) }
  } catch {
    return { status, headers, text, json: null }
  }
}

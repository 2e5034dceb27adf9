import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'

/** Only this folder knows which runtime it is on. Deno also offers `node:` modules, as Bun does. */
type DenoGlobal = {
  serve(
    options: { port: number; hostname: string; signal: AbortSignal; onListen(): void },
    handler: (
      request: Request,
      about: { readonly remoteAddr: { readonly hostname?: string } },
    ) => Response | Promise<Response>,
  ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> }
  addSignalListener(signal: 'SIGINT' | 'SIGTERM', listener: () => void): void
}

const deno = (globalThis as { Deno?: DenoGlobal }).Deno

export const isDeno = deno !== undefined

type BunServer = {
  readonly port?: number | undefined
  stop(abrupt?: boolean): unknown
  timeout(request: Request, seconds: number): void
  requestIP(request: Request): { readonly address: string } | null
}

/** The part of an Elysia app that is needed to listen. */
type Listenable = {
  fetch(request: Request): Response | Promise<Response>
  listen(
    options: {
      port: number
      hostname: string
      idleTimeout: number
      reusePort: boolean
      maxRequestBodySize: number
    },
    ready: () => void,
  ): unknown
  readonly server: BunServer | null
}

export type ListenOptions = {
  readonly host: string
  readonly port: number
  /** How long a client may leave a connection unused or an answer unread, milliseconds; on Bun. */
  readonly clientIdleMs: number
}

export type Listener = {
  readonly port: number
  /** Takes no new connections; resolves when the open ones are done with. */
  close(): Promise<void>
  /** Drops the connections that are still open. */
  cut(): void
  /** Where a request came from; null: the runtime does not say. */
  addressOf(request: Request): string | null
}

/**
 * Serves the app. On Bun through Elysia's own `listen` (given to `Bun.serve` by hand, the docs page
 * answers "Body is disturbed or locked"); on Deno, where `listen` is missing, through `Deno.serve`.
 * Rejects when the address cannot be had.
 */
export async function listen(app: Listenable, at: ListenOptions): Promise<Listener> {
  try {
    return deno === undefined ? await listenOnBun(app, at) : listenOnDeno(deno, app, at)
  } catch (cause) {
    throw new Error(`could not listen on ${at.host}:${at.port}: ${whyNot(cause)}`, { cause })
  }
}

function listenOnDeno(deno: DenoGlobal, app: Listenable, { host, port }: ListenOptions): Listener {
  const cut = new AbortController()
  const options = { port, hostname: host, signal: cut.signal, onListen: () => {} }
  const addresses = new WeakMap<Request, string>()
  const server = deno.serve(options, (request, { remoteAddr }) => {
    if (remoteAddr.hostname !== undefined) addresses.set(request, remoteAddr.hostname)
    return app.fetch(request)
  })
  return {
    port: server.addr.port,
    close: () => server.shutdown(),
    cut: () => cut.abort(),
    addressOf: (request) => addresses.get(request) ?? null,
  }
}

/** More are not taken by Bun, seconds. */
const IDLE_SECONDS_MAX = 255

/** Bun's server, and how long it lets a client be idle, once there is one. */
let onBun: { readonly server: BunServer; readonly idleSeconds: number } | null = null

/**
 * To be told of a request that may take its time: a model thinks for minutes between two bytes, and
 * Bun does not know that it is not the client who is idle. False: the usual time counts again.
 */
export function mayTakeTime(request: Request, may: boolean) {
  onBun?.server.timeout(request, may ? 0 : onBun.idleSeconds)
}

async function listenOnBun(
  app: Listenable,
  { host, port, clientIdleMs }: ListenOptions,
): Promise<Listener> {
  // `reusePort`: with Elysia's default, true, a second server takes the same port without a word,
  // and the kernel deals each of them a share of the calls. `maxRequestBodySize`: its refusal has
  // no body; who reads a request has a bound and a sentence of its own.
  const idleSeconds = Math.min(IDLE_SECONDS_MAX, Math.ceil(clientIdleMs / 1000))
  const options = {
    port,
    hostname: host,
    idleTimeout: idleSeconds,
    reusePort: false,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  }
  await new Promise<void>((resolve) => app.listen(options, resolve))
  const server = app.server
  if (server?.port === undefined) throw new Error('the runtime names no port')
  onBun = { server, idleSeconds }
  return {
    port: server.port,
    close: async () => void (await server.stop()),
    cut: () => void server.stop(true),
    addressOf: (request) => server.requestIP(request)?.address ?? null,
  }
}

/** Settings that Bun reads only where its process begins. */
export const BUN_SETTINGS = {
  // Bun has at most 256 requests under way and lets further ones wait
  // (https://bun.sh/docs/runtime/networking/fetch), and with them the calls of everybody, as long
  // as 256 slow streams last.
  BUN_CONFIG_MAX_HTTP_REQUESTS: '65535',
  // How much the heap grows until all of it is looked through. With JavaScriptCore's own 2 a server
  // of a million customers has some 410 MB, and with this mostly less than 300 (now and then it has
  // 400 as well), at as many calls a second.
  BUN_JSC_smallHeapGrowthFactor: '1.4',
  // How long freed memory is kept, milliseconds, until the system has it back
  // (https://microsoft.github.io/mimalloc/environment.html). Bodies of 100 KB need the same again
  // and again: with Bun's own short time they cost 6 % more CPU time, and no less memory.
  MIMALLOC_PURGE_DELAY: '3000',
}

/** An executable's own script, inside of itself. */
const INSIDE = /^(?:\/\$bunfs\/|[A-Z]:[\\/]~BUN)/

/**
 * To be called before all else: the process begins again with our settings, in place, the same one
 * for whoever started it. An operator's own are kept.
 */
export function applySettings() {
  const { env, platform } = process
  const areSet = Object.keys(BUN_SETTINGS).every((name) => env[name] !== undefined)
  if (isDeno || platform === 'win32' || areSet) return
  const [, script = '', ...args] = process.argv
  const ours = INSIDE.test(script) ? args : [...process.execArgv, script, ...args]
  process.execve?.(process.execPath, [process.execPath, ...ours], { ...BUN_SETTINGS, ...env })
}

/** The reasons that an operator can do something about, by the names that the runtimes have. */
function whyNot(cause: unknown): string {
  const { name, code, message } = cause as { name?: string; code?: string; message?: string }
  if (code === 'EADDRINUSE' || name === 'AddrInUse') {
    return 'another process has that port. Name another with --port N, or stop that one.'
  }
  if (code === 'EACCES' || name === 'PermissionDenied') {
    return 'this user may not have that port. Name one above 1023 with --port N.'
  }
  return message ?? String(cause)
}

/** A wrapper that passes a signal on, as npx does, brings the same Ctrl-C twice at once. */
const SAME_SIGNAL_MS = 1_000

/** Calls `stop` at the first SIGTERM or SIGINT, and `hurry` at one a second or more later. */
export function onStopSignal(stop: () => void, hurry: () => void) {
  let askedAt: number | null = null
  const once = () => {
    if (askedAt === null) {
      askedAt = performance.now()
      stop()
    } else if (performance.now() - askedAt >= SAME_SIGNAL_MS) hurry()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    if (deno !== undefined) deno.addSignalListener(signal, once)
    else process.on(signal, once)
  }
}

export const commandLine = (): string[] => process.argv.slice(2)
export const environment = (): Record<string, string | undefined> => process.env
export const exit = (code: number): never => process.exit(code)

/**
 * The text of a file, or null if there is none. Throws when it cannot be read for another reason.
 */
export const readText = (path: string): string | null =>
  existsSync(path) ? readFileSync(path, 'utf8') : null

/** Writes a file that only its owner may read. */
export function writePrivate(path: string, text: string) {
  writeFileSync(path, text, { mode: 0o600 })
  chmodSync(path, 0o600)
}

/** The reader of our output is gone: `head` has had enough. */
export class NobodyReads extends Error {}

/** Writes to standard output, and waits for who reads it. Throws `NobodyReads`. */
export function writeOut(text: string): Promise<void> {
  const { stdout } = process
  // What fails is told twice: to the callback, and as an event that must not go unheard.
  if (stdout.listenerCount('error') === 0) stdout.on('error', () => {})
  return new Promise((resolve, reject) => {
    stdout.write(text, (error) => {
      if (!error) resolve()
      else reject((error as { code?: string }).code === 'EPIPE' ? new NobodyReads() : error)
    })
  })
}

export const fileExists = (path: string): boolean => existsSync(path)

export const makeFolderOf = (path: string) => void mkdirSync(dirname(path), { recursive: true })

/**
 * An answer without its compression. Bun's `fetch` undoes one in any case; Deno's does not where
 * the request has asked for none, and some servers compress all the same.
 */
export function decoded(response: Response): Response {
  const format = response.headers.get('content-encoding')
  if (deno === undefined || response.body === null) return response
  if (format !== 'gzip' && format !== 'deflate') return response
  const { status } = response
  const headers = new Headers(response.headers)
  for (const name of ['content-encoding', 'content-length']) headers.delete(name)
  const body = response.body.pipeThrough(new DecompressionStream(format))
  return new Response(body, { status, headers })
}

const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy']

/**
 * Whether a TCP connection to an address comes about within so many milliseconds. Answers yes where
 * `fetch` goes through a proxy, for then the connection is not ours to try.
 */
export function isReachable(address: string, withinMs: number): Promise<boolean> {
  const { env } = process
  if (PROXY_VARIABLES.some((name) => env[name] || env[name.toUpperCase()])) {
    return Promise.resolve(true)
  }
  const { protocol, hostname, port } = new URL(address)
  const host = hostname.replace(/^\[|\]$/g, '')
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(Number(port) || (protocol === 'https:' ? 443 : 80), host)
  const timer = setTimeout(() => resolve(false), withinMs)
  socket.once('connect', () => resolve(true))
  // Refused is an answer: `fetch` will tell of it in its own time.
  socket.once('error', () => resolve(true))
  return promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
}

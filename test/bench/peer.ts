import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { launch, type Process } from '../support/process.ts'

/**
 * Another gateway to stand beside: Portkey's, which counts and charges nothing. It is fetched by
 * the first bench and kept; as a dependency its 94 packages (24 MB) would slow down every install.
 */
const PACKAGE = '@portkey-ai/gateway'
const VERSION = '1.15.2'

const FOLDER = join(homedir(), '.cache', 'tollgate-bench', `portkey-${VERSION}`)
const SCRIPT = join(FOLDER, 'node_modules', PACKAGE, 'build', 'start-server.js')

export const PEER = `Portkey ${VERSION}`

/** Null: it is not there, and could not be fetched; the reason is printed. */
export async function startPeer(): Promise<Process | null> {
  if (!existsSync(SCRIPT) && !fetched()) return null
  const port = freePort()
  const node = Bun.which('node') ?? process.execPath
  const url = `http://127.0.0.1:${port}`
  const command = [node, SCRIPT, `--port=${port}`, '--headless']
  // It says where it listens in words of its own, and calls no address of this machine unasked.
  const env = { PATH: process.env['PATH'] ?? '', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' }
  const script = `echo "listening on ${url} "; exec ${command.map((word) => `'${word}'`).join(' ')}`
  const child = await launch(['sh', '-c', script], { env, folder: FOLDER })
  await answers(url)
  return child
}

/** The headers with which it takes a call to an upstream of ours. */
export const peerHeaders = (upstream: string) => ({
  'x-portkey-provider': 'openai',
  'x-portkey-custom-host': `${upstream}/v1`,
})

function fetched(): boolean {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'package.json'), '{"private": true}\n')
  const args = ['add', '--exact', '--silent', `${PACKAGE}@${VERSION}`]
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, ...args], { cwd: FOLDER })
  if (exitCode !== 0) console.error(`${PEER} could not be fetched, and is left out: ${stderr}`)
  return exitCode === 0
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const { port } = server
  server.stop(true)
  return port!
}

async function answers(url: string) {
  for (let tries = 0; tries < 100; tries++) {
    if (await fetch(url).catch(() => null)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${PEER} does not answer at ${url}`)
}

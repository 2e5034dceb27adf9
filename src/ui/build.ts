import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Builds a page for browsers: a macro, which Bun runs while it bundles `files.ts`, and whose result
 * is then part of the bundle. Only there is it a call; nothing of it is left at run time.
 */
export function built(name: string): { html: string; script: string; style: string } {
  const bundle = (entry: string) => {
    const path = join(import.meta.dir, entry)
    const { exitCode, stdout, stderr } = Bun.spawnSync([
      ...[process.execPath, 'build', path, '--minify', '--target=browser', '--production'],
    ])
    if (exitCode !== 0) throw new Error(`${entry} cannot be built:\n${stderr.toString()}`)
    return stdout.toString()
  }
  const script = bundle(`${name}.tsx`)
  const style = bundle(`${name}.css`)
  const version = createHash('sha256').update(script).update(style).digest('hex').slice(0, 12)
  const html = readFileSync(join(import.meta.dir, `${name}.html`), 'utf8')
  return { html: html.replaceAll('VERSION', version), script, style }
}

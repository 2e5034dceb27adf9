import { readdirSync, readlinkSync } from 'node:fs'

/** Forms that a process has on disk: it has them open, and their names are gone. Linux alone. */
export const spooledBy = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`)
    .map((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
    .filter((path) => path.includes('tollgate-upload-'))

/** Empty: it has been closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

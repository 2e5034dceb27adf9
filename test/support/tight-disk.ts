import { mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder whose disk the test can take away from one process, and give back. */
export type TightDisk = Disposable & {
  readonly folder: string
  /** Runs a command so that its disk can be taken away. */
  command(words: readonly string[]): string[]
  /** From now on that process can write nothing more. */
  fill(pid: number): void
  makeRoom(pid: number): void
  /** How SQLite calls it. */
  readonly words: string
}

/**
 * A file system of its own of four megabytes: filled, it has no room left. Mounting one takes root;
 * without that the disk fails in the other way.
 */
export function smallDisk(): TightDisk {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-disk-'))
  const mounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
  if (mounted.exitCode !== 0) return limitedDisk(folder)
  const ballast = join(folder, 'ballast')
  return {
    folder,
    words: 'has no room left on its disk',
    command: (words) => [...words],
    fill() {
      const { bavail, bsize } = statfsSync(folder)
      writeFileSync(ballast, Buffer.alloc(bavail * bsize))
    },
    makeRoom: () => unlinkSync(ballast),
    [Symbol.dispose]() {
      run('umount', '--lazy', folder)
      rmSync(folder, { recursive: true })
    },
  }
}

/** A process that may not make any file longer (RLIMIT_FSIZE): its writes fail. For every user. */
export function limitedDisk(folder = mkdtempSync(join(tmpdir(), 'tollgate-disk-'))): TightDisk {
  const limit = (pid: number, bytes: string) =>
    run('prlimit', '--pid', String(pid), `--fsize=${bytes}:unlimited`)
  return {
    folder,
    words: 'is on a disk that fails',
    // The signal that comes with such a write would end the process.
    command: (words) => ['sh', '-c', 'trap "" XFSZ; exec "$0" "$@"', ...words],
    fill: (pid) => limit(pid, '0'),
    makeRoom: (pid) => limit(pid, 'unlimited'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

/** A command that is bound by the permissions of files although root runs it. */
export const withoutPrivilege = (words: readonly string[]): string[] =>
  process.getuid?.() === 0
    ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', ...words]
    : [...words]

function run(...command: string[]) {
  const { exitCode, stderr } = Bun.spawnSync(command)
  if (exitCode !== 0) throw new Error(`${command.join(' ')} failed: ${stderr}`)
}

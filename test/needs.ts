import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'

/** What a test needs beyond npm, and how to get it. */
export interface Need {
  /** A command that must be on the PATH. */
  readonly command?: string
  /** A file that must exist. */
  readonly file?: string
  /** Whether the machine fulfils it, where neither of the above says so. */
  readonly met?: () => boolean
  /** What to type to get it. */
  readonly install: string
}

/**
 * Says whether a test must be skipped: false, or the reason, for node:test's `skip` option.
 *
 * A skip is loud. With CI=true it is a failure: a machine that cannot run a test must not pass it.
 */
export function need(name: string, need: Need): false | string {
  if (fulfilled(need)) return false
  const reason = `SKIPPED ${name}: ${need.install}`
  process.stderr.write(`${reason}\n`)
  if (process.env.CI === 'true') {
    test(`${name} is there`, () => {
      throw new Error(`${name} is missing and CI=true allows no skip: ${need.install}`)
    })
  }
  return reason
}

function fulfilled({ command, file, met }: Need): boolean {
  if (command !== undefined && !hasCommand(command)) return false
  if (file !== undefined && !existsSync(file)) return false
  return met === undefined || met()
}

function hasCommand(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v "$1"`, 'sh', command]).status === 0
}

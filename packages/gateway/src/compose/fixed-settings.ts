import type { LoadProblem } from '../admin/index.ts'
import type { Config } from '../config/index.ts'

/** What all else stands on: the ledger, the keys, the control plane's socket, the collector. */
const FIXED = [
  'gateway',
  'origin',
  'data',
  'lock',
  'ledger',
  'disk',
  'vault',
  'quotaStore',
  'telemetry',
  'workers',
] as const
const FIXED_OF_ADMIN = ['host', 'port'] as const

/** What a running gateway cannot change, where it has changed. */
export function fixedChanges(file: string, former: Config, next: Config): readonly LoadProblem[] {
  const changed = [
    ...FIXED.flatMap((key) => differences(key, former[key], next[key])),
    ...FIXED_OF_ADMIN.flatMap((key) =>
      differences(`admin.${key}`, former.admin[key], next.admin[key]),
    ),
    ...differences('admin.tls', former.admin.tls !== undefined, next.admin.tls !== undefined),
  ]
  return changed.map((path) => {
    return { file, path, message: 'cannot change while the gateway runs: restart it' }
  })
}

/** The keys that differ, as deep as both sides have them. */
function differences(path: string, former: unknown, next: unknown): readonly string[] {
  if (JSON.stringify(former) === JSON.stringify(next)) return []
  if (!isPlain(former) || !isPlain(next)) return [path]
  const keys = new Set([...Object.keys(former), ...Object.keys(next)])
  return [...keys].flatMap((key) => differences(`${path}.${key}`, former[key], next[key]))
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

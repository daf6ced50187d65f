import type { Clock } from '../platform/index.ts'
import { type FileReport, type FileSource, FollowedFile } from './followed-file.ts'
import { type KeyRing, type KeyTrace, parseKeysFile } from './keys-file.ts'

/** One change of a key; prefixes name keys and are no secret. */
export interface KeyChange {
  /** `rotated`: it replaces another; `expired`: its end was moved; `changed`: anything else. */
  readonly act: 'created' | 'revoked' | 'rotated' | 'expired' | 'changed'
  readonly prefix: string
  /** Microseconds since 1970, of a key that has an end. */
  readonly expiresAtUs: number | undefined
}

export type KeysReport =
  | { readonly kind: 'loaded'; readonly changes: readonly KeyChange[] }
  | { readonly kind: 'refused'; readonly cause: unknown }

export interface KeyStoreOptions {
  readonly source: FileSource
  readonly clock: Clock
  readonly pollEveryMs?: number | undefined
  readonly onReport?: (report: KeysReport) => void
}

/** The keys in force. A file that does not parse changes nothing, and is reported once. */
export class KeyStore {
  readonly #file: FollowedFile<KeyRing>

  private constructor(file: FollowedFile<KeyRing>) {
    this.#file = file
  }

  /** Throws IdentityError when the first reading does not parse: there is nothing to keep yet. */
  static async open({ source, clock, pollEveryMs, onReport }: KeyStoreOptions): Promise<KeyStore> {
    const report = (of: FileReport<KeyRing>): void => onReport?.(keysReport(of))
    const parse = parseKeysFile
    return new KeyStore(
      await FollowedFile.open({ source, clock, parse, pollEveryMs, onReport: report }),
    )
  }

  /** The newest good set; hold it for one request, not longer. */
  get current(): KeyRing {
    return this.#file.current
  }

  /** Resolves when a reading that began after the call is in force. Never rejects: it reports. */
  reload(): Promise<void> {
    return this.#file.reload()
  }

  close(): void {
    this.#file.close()
  }
}

function keysReport(report: FileReport<KeyRing>): KeysReport {
  if (report.kind === 'refused') return report
  return { kind: 'loaded', changes: keyChanges(keyTraces(report.before), report.after) }
}

/** What is left of a set of keys when it is gone, by prefix. */
export function keyTraces(ring: KeyRing): ReadonlyMap<string, KeyTrace> {
  return new Map([...ring].map(([prefix, { trace }]) => [prefix, trace]))
}

/** What became of the keys from one set to the next. */
export function keyChanges(
  before: ReadonlyMap<string, KeyTrace>,
  after: KeyRing,
): readonly KeyChange[] {
  const changes: KeyChange[] = []
  for (const [prefix, { trace, replaces }] of after) {
    const { expiresAtUs } = trace
    const act = actOf(before.get(prefix), trace, replaces)
    if (act !== undefined) changes.push({ act, prefix, expiresAtUs })
  }
  for (const [prefix, { expiresAtUs }] of before) {
    if (!after.has(prefix)) changes.push({ act: 'revoked', prefix, expiresAtUs })
  }
  return changes
}

function actOf(
  former: KeyTrace | undefined,
  { facts, expiresAtUs }: KeyTrace,
  replaces: string | undefined,
): KeyChange['act'] | undefined {
  if (former === undefined) return replaces === undefined ? 'created' : 'rotated'
  if (former.facts !== facts) return 'changed'
  return former.expiresAtUs === expiresAtUs ? undefined : 'expired'
}

import type { Clock } from '../platform/index.ts'
import { type FileReport, type FileSource, FollowedFile } from './followed-file.ts'
import { type KeyRing, type KnownKey, parseKeysFile } from './keys-file.ts'

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
  const { before, after } = report
  const changes: KeyChange[] = []
  const change = (act: KeyChange['act'], prefix: string, key: KnownKey): void =>
    void changes.push({ act, prefix, expiresAtUs: key.credential.expiresAtUs })
  for (const [prefix, key] of after) {
    const former = before.get(prefix)
    if (former === undefined)
      change(key.replaces === undefined ? 'created' : 'rotated', prefix, key)
    else if (former.text !== key.text) change(actOf(former, key), prefix, key)
  }
  for (const [prefix, key] of before) if (!after.has(prefix)) change('revoked', prefix, key)
  return { kind: 'loaded', changes }
}

function actOf(former: KnownKey, key: KnownKey): KeyChange['act'] {
  const isOnlyExpiry = former.facts === key.facts
  return isOnlyExpiry ? 'expired' : 'changed'
}

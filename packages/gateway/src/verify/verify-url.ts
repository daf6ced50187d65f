import { nodeSha256 } from '../platform/index.ts'
import { httpSource, logAddress } from './http-source.ts'
import { auditLog, auditRollback, openLog } from './log-audit.ts'
import type { Report } from './report.ts'
import { type AuditOptions, recall, report, trustOf } from './verdict.ts'

export interface UrlOptions extends AuditOptions {
  readonly url: string
  readonly fetch: typeof fetch
}

/** Audits a served log from the outside: all entries and tiles that its checkpoint covers. */
export function verifyUrl(options: UrlOptions): Promise<Report> {
  return report({ ...options, place: 'server' }, async (audited) => {
    const source = httpSource(options.fetch, logAddress(options.url))
    const to = audited.findings
    const { onProgress } = options
    const log = {
      source,
      sha256: nodeSha256,
      ...trustOf(options),
      to,
      ...(onProgress ? { onProgress } : {}),
    }
    const signed = await openLog(log)
    if (signed === undefined) return
    audited.signed = signed
    if (signed.keys.length === 0) return to.lack('key', 'no key is served and none was given')
    // Who signed nothing could serve an endless log: nothing of it would be worth reading.
    if (!signed.isSigned) return
    const before = to.bad.length
    audited.seen = await recall(options.memory, signed, to)
    if (to.bad.length > before) return
    auditRollback(signed.checkpoint.size, audited.seen, to)
    await auditLog(signed, log, audited.seen === undefined ? {} : { remembered: audited.seen })
    audited.scope = { ...audited.scope, log: true }
  })
}

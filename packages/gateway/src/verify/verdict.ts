import type { Checkpoint } from '@countersign/tlog'
import { DiskError, nodeSha256 } from '../platform/index.ts'
import { givenKeys, type TrustedKey } from './key-set.ts'
import { auditKnownKeys, rememberKeys } from './known-keys.ts'
import type { SignedLog } from './log-audit.ts'
import type { Memory, Seen } from './memory.ts'
import { type Policy, parsePolicy } from './policy.ts'
import { exitOf, Findings, type Report, SCOPES, type Scope, type ScopeName } from './report.ts'
import { VerifyError } from './verify-error.ts'

/** What every audit of a log takes from the caller. */
export interface AuditOptions {
  /** Verifier keys that the caller trusts; all of them must have signed. */
  readonly keys?: readonly string[]
  /** The text of a tlog-policy: the log's keys, and the witnesses that must have cosigned. */
  readonly policy?: string
  /** Where the verifier remembers what it saw; absent: nothing is remembered. */
  readonly memory?: Memory
  /** Scopes without which the audit is not good enough. */
  readonly require?: readonly ScopeName[]
  readonly onProgress?: (entries: number, size: number) => void
}

/** What an audit knows when it ends; steps fill it in as they get there. */
export interface Audited {
  readonly findings: Findings
  signed: SignedLog | undefined
  seen: Seen | undefined
  epoch: number | null
  scope: Scope
}

/** Runs an audit and turns whatever happened into a report; what the machine refuses is exit 2. */
export async function report(
  options: AuditOptions & { readonly place: string },
  audit: (audited: Audited) => Promise<void>,
): Promise<Report> {
  const scope = { log: false, records: false, persons: false }
  const audited: Audited = {
    findings: new Findings(),
    signed: undefined,
    seen: undefined,
    epoch: null,
    scope,
  }
  try {
    await audit(audited)
    requireScopes(audited, options.require ?? [])
    await remember(audited, options.memory)
  } catch (error) {
    if (!(error instanceof VerifyError || error instanceof DiskError)) throw error
    audited.findings.lack('file', error.message)
  }
  return reportOf(audited, options)
}

function requireScopes({ scope, findings }: Audited, required: readonly ScopeName[]): void {
  for (const name of SCOPES) {
    if (!required.includes(name) || scope[name]) continue
    findings.lack('file', `${name} were required and could not all be looked at`)
  }
}

/**
 * Only what was found good is worth remembering. What was found stays found where nothing can be
 * written: the next audit then has less to go by, and this one says so.
 */
async function remember({ findings, signed }: Audited, memory: Memory | undefined): Promise<void> {
  if (memory === undefined || signed === undefined || exitOf(findings) !== 0) return
  try {
    for (const { vkey } of signed.keys) await memory.remember(vkey, signed.checkpoint)
    await rememberKeys(memory, signed)
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    findings.skip('file', `this log was not remembered: ${error.message}`)
  }
}

function reportOf(audited: Audited, options: AuditOptions & { readonly place: string }): Report {
  const { findings, signed, epoch, scope } = audited
  const checkpoint: Checkpoint | undefined = signed?.checkpoint
  const exit = exitOf(findings)
  return {
    ok: exit === 0,
    exit,
    epoch,
    origin: checkpoint?.origin ?? null,
    size: checkpoint?.size ?? null,
    root: checkpoint === undefined ? null : Buffer.from(checkpoint.root).toString('hex'),
    scope,
    anchor: anchorOf(audited, options),
    bad: findings.bad,
    notChecked: findings.notChecked,
  }
}

function anchorOf(
  { seen }: Audited,
  { keys = [], policy, place }: AuditOptions & { readonly place: string },
): string {
  if (policy !== undefined) return 'policy given'
  if (keys.length > 0) return keys.length === 1 ? 'key given' : 'keys given'
  if (seen !== undefined) return `checkpoint ${seen.size} remembered from last time`
  return `key taken from this ${place}: self-consistency only`
}

/** Whom the caller trusts, as the audit of a log takes it. */
export function trustOf({ keys = [], policy }: AuditOptions): {
  readonly given: readonly TrustedKey[]
  readonly policy?: Policy
} {
  const given = givenKeys(nodeSha256, keys)
  return policy === undefined ? { given } : { given, policy: parsePolicy(nodeSha256, policy) }
}

/** The largest tree that was ever seen under one of these keys, which must be those seen before. */
export async function recall(
  memory: Memory | undefined,
  log: SignedLog,
  to: Findings,
): Promise<Seen | undefined> {
  if (memory === undefined) return undefined
  await auditKnownKeys(memory, log, to)
  let largest: Seen | undefined
  for (const { vkey } of log.keys) {
    const seen = await memory.recall(vkey)
    if (seen !== undefined && seen.size >= (largest?.size ?? 0)) largest = seen
  }
  return largest
}

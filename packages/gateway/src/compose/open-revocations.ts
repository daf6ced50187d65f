import { join } from 'node:path'
import { z } from 'zod'
import type { Config } from '../config/index.ts'
import {
  type FileSource,
  FollowedFile,
  IdentityError,
  NO_REVOCATIONS,
  parseRevocationsFile,
  type Revocation,
  type RevocationList,
} from '../identity/index.ts'
import { fileSource } from './file-source.ts'
import { KeyRecords } from './key-records.ts'
import type { Machine } from './machine.ts'
import type { KeyNeeds } from './open-keys.ts'
import { SeenFile } from './seen-file.ts'

const seenSchema = z.strictObject({ key: z.string(), until: z.string().optional() })
type Seen = z.infer<typeof seenSchema>

type IsRevoked = RevocationList['isRevoked']

/** The revocations in force. */
export interface OpenRevocations {
  readonly isRevoked: IsRevoked
  close(): Promise<void>
}

/** Opens the revocations file, which need not exist; every change of it is recorded. */
export async function openRevocations(
  { identity, data }: Config,
  machine: Machine,
  { recorder, log, isFollower }: KeyNeeds,
): Promise<OpenRevocations> {
  const { revocationsFile, issuers } = identity
  if (revocationsFile === undefined) return { isRevoked: () => false, close: async () => undefined }
  const { clock, disk } = machine
  const onRefused = (cause: unknown): void => log.error({ err: cause }, 'revocations file')
  const records = new KeyRecords({ clock, recorder, onRefused })
  const subjectOf = ({ issuer, subject }: Revocation): string | undefined => {
    if (subject === undefined) return undefined
    const known = issuers.find((each) => each.issuer === issuer)
    const prefix = known === undefined ? '' : (known.principalPrefix ?? `${known.name}:`)
    return recorder.actant({ issuer, id: `${prefix}${subject}` }).subject
  }
  const take = (act: 'revoked' | 'restored', entry: Revocation): void => {
    if (isFollower) return
    const subject = subjectOf(entry)
    const facts = { act, use: 'token', key: entry.jti ?? entry.id } as const
    records.take(subject === undefined ? facts : { ...facts, subject })
  }
  const seen = new SeenFile(disk, join(data, 'state', 'revocations-seen.json'), seenSchema)
  const before = await seen.read()
  await refuseLoss(before, revocationsFile, machine)
  const remember = (): void => {
    if (!isFollower) records.afterwards(() => seen.write(traces(file.current)))
  }
  const file = await FollowedFile.open({
    source: fromTheBeginning(fileSource(revocationsFile), machine, revocationsFile),
    clock,
    parse: parseRevocationsFile,
    onReport: (report) => {
      if (report.kind === 'refused') return onRefused(report.cause)
      const { before: former, after } = report
      for (const entry of newIn(after, former)) take('revoked', entry)
      for (const entry of newIn(former, after)) {
        if (!hasRunOut(entry, clock.nowUs())) take('restored', entry)
      }
      remember()
    },
  })
  // What was changed while no gateway ran; of the first start of all nothing is known.
  if (before !== undefined) {
    for (const entry of file.current.entries.values()) {
      if (!before.has(entry.id)) take('revoked', entry)
    }
    for (const [id, { key, until }] of before) {
      if (file.current.entries.has(id) || hasRunOut({ until }, clock.nowUs())) continue
      if (!isFollower) records.take({ act: 'restored', use: 'token', key })
    }
  }
  remember()
  return {
    isRevoked: (token) => file.current.isRevoked(token),
    close: async () => {
      file.close()
      await records.close()
    },
  }
}

/** A file that went away while no gateway ran brings nobody back. */
async function refuseLoss(
  before: ReadonlyMap<string, Seen> | undefined,
  path: string,
  { clock, disk }: Machine,
): Promise<void> {
  const kept = [...(before ?? [])].filter(([, { until }]) => !hasRunOut({ until }, clock.nowUs()))
  if (kept.length === 0 || (await disk.stat(path)) !== undefined) return
  const message = `${path} is gone, and ${kept.length} revocations of it are in force`
  const help = `restore it, or write ${JSON.stringify(NO_REVOCATIONS)} to lift them`
  throw new IdentityError('IDENTITY_REVOCATIONS_INVALID', `${message}: ${help}`)
}

/** Nothing was revoked yet where there is no file; one that goes away later changes nothing. */
function fromTheBeginning(source: FileSource, { disk }: Machine, path: string): FileSource {
  let wasThere = false
  return {
    ...source,
    read: async () => {
      if (!wasThere && (await disk.stat(path)) === undefined) return NO_REVOCATIONS
      wasThere = true
      return source.read()
    },
  }
}

/** What records call each of them, and how long it means something. */
function traces({ entries }: RevocationList): ReadonlyMap<string, Seen> {
  return new Map([...entries].map(([id, { jti, until }]) => [id, { key: jti ?? id, until }]))
}

function newIn(one: RevocationList, other: RevocationList): readonly Revocation[] {
  return [...one.entries.values()].filter(({ id }) => !other.entries.has(id))
}

function hasRunOut({ until }: Pick<Revocation, 'until'>, nowUs: number): boolean {
  return until !== undefined && Date.parse(until) * 1000 <= nowUs
}

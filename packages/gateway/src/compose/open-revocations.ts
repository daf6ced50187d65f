import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import {
  type FileSource,
  FollowedFile,
  parseRevocations,
  type Revocation,
  type RevocationList,
} from '../identity/index.ts'
import type { Recorder } from '../recorder/index.ts'
import { fileSource } from './file-source.ts'
import { KeyRecords } from './key-records.ts'
import type { Machine } from './machine.ts'

type IsRevoked = RevocationList['isRevoked']

/** The revocations in force. */
export interface OpenRevocations {
  readonly isRevoked: IsRevoked
  close(): Promise<void>
}

/** Opens the revocations file, which need not exist; from then on every change is recorded. */
export async function openRevocations(
  { identity }: Config,
  machine: Machine,
  { recorder, log }: { readonly recorder: Recorder; readonly log: Logger },
): Promise<OpenRevocations> {
  const { revocationsFile, issuers } = identity
  if (revocationsFile === undefined) return { isRevoked: () => false, close: async () => undefined }
  const { clock } = machine
  const onRefused = (cause: unknown): void => log.error({ err: cause }, 'revocations file')
  const records = new KeyRecords({ clock, recorder, onRefused })
  const subjectOf = ({ issuer, subject }: Revocation): string | undefined => {
    if (subject === undefined) return undefined
    const known = issuers.find((each) => each.issuer === issuer)
    const prefix = known === undefined ? '' : (known.principalPrefix ?? `${known.name}:`)
    return recorder.actant({ issuer, id: `${prefix}${subject}` }).subject
  }
  const take = (act: 'revoked' | 'restored', entry: Revocation): void => {
    const subject = subjectOf(entry)
    const facts = { act, use: 'token', key: entry.jti ?? entry.id } as const
    records.take(subject === undefined ? facts : { ...facts, subject })
  }
  const file = await FollowedFile.open({
    source: fromTheBeginning(fileSource(revocationsFile), machine, revocationsFile),
    clock,
    parse: parseRevocations,
    onReport: (report) => {
      if (report.kind === 'refused') return onRefused(report.cause)
      const { before, after } = report
      for (const entry of newIn(after, before)) take('revoked', entry)
      for (const entry of newIn(before, after)) {
        if (!hasRunOut(entry, clock.nowUs())) take('restored', entry)
      }
    },
  })
  return {
    isRevoked: (token) => file.current.isRevoked(token),
    close: async () => {
      file.close()
      await records.close()
    },
  }
}

/** Nothing was revoked yet where there is no file; one that goes away later changes nothing. */
function fromTheBeginning(source: FileSource, { disk }: Machine, path: string): FileSource {
  let wasThere = false
  return {
    ...source,
    read: async () => {
      if (!wasThere && (await disk.stat(path)) === undefined) return ''
      wasThere = true
      return source.read()
    },
  }
}

function newIn(one: RevocationList, other: RevocationList): readonly Revocation[] {
  return [...one.entries.values()].filter(({ id }) => !other.entries.has(id))
}

function hasRunOut({ until }: Revocation, nowUs: number): boolean {
  return until !== undefined && Date.parse(until) * 1000 <= nowUs
}

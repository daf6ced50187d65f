// The parts of a record's making, each in a loop of its own on the request thread.
import { hash } from 'node:crypto'
import {
  encodeLeaf,
  formatTime,
  formatUuid,
  makeUuid,
  SECTIONS,
  type SectionName,
  sectionDigest,
} from '@countersign/evidence'
import { nodeSha256, systemClock, systemRandom } from '../packages/gateway/src/platform/index.ts'
import { composeRecord, type RecordDraft } from '../packages/gateway/src/recorder/composer.ts'
import { encodePayload, type Vault } from '../packages/gateway/src/vault/index.ts'
import type { SampleExchange } from './exchanges.sample.ts'

const ROUNDS = 400
const SAMPLES = 100

/** Microseconds of CPU per exchange, which is one intent and one outcome. */
export interface Parts {
  /** Everything from the sections' JSON to leaf and payload. */
  readonly hashUs: number
  readonly jsonUs: number
  readonly saltsUs: number
  readonly digestsUs: number
  readonly leavesUs: number
  readonly payloadsUs: number
  /** The control: one SHA-256 over as many bytes as an exchange's sections have. */
  readonly bareSha256Us: number
  readonly sectionBytes: number
}

export function measureParts(from: readonly SampleExchange[], vault: Vault): Parts {
  const exchanges = from.slice(0, SAMPLES)
  const drafts = exchanges.flatMap((exchange) => draftsOf(exchange, vault))
  for (const draft of drafts) for (const key of composeRecord(draft).newKeys) key.markDurable()
  const made = drafts.map(partsOf)
  const count = exchanges.length
  const bytes = made.reduce((sum, { sections }) => sum + sections.reduce(byteSum, 0), 0)
  const bare = new Uint8Array(Math.round(bytes / count))
  return {
    hashUs: each(count, drafts, composeRecord),
    jsonUs: each(count, exchanges, ({ who, where, what, why, via, how }) => {
      for (const value of [who, where, what, why, via, how]) JSON.stringify(value)
    }),
    saltsUs: each(count, drafts, saltsOf),
    digestsUs: each(count, made, ({ sections }) => {
      for (const section of sections) sectionDigest(nodeSha256, section)
    }),
    leavesUs: each(count, made, ({ sections }) => encodeLeaf(nodeSha256, sections)),
    payloadsUs: each(count, made, (record) => encodePayload(record)),
    bareSha256Us: each(count, exchanges, () => hash('sha256', bare, 'latin1')),
    sectionBytes: bare.length,
  }
}

/**
 * The best of many short rounds by the wall clock: one that nobody else got in between. The
 * thread's own CPU clock is too coarse for them.
 */
function each<Item>(count: number, items: readonly Item[], work: (item: Item) => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = performance.now()
    for (const item of items) work(item)
    best = Math.min(best, performance.now() - before)
  }
  return Math.round((best * 100_000) / count) / 100
}

/** The drafts of an exchange's intent and outcome. */
export function draftsOf(exchange: SampleExchange, vault: Vault): readonly RecordDraft[] {
  const atUs = systemClock().nowUs()
  const ledgerKey = vault.ledgerKey(atUs)
  const person = vault.subjectKey(exchange.subject, atUs)
  const { who, where, what, why, via, how } = exchange
  const draft = (kind: 'intent' | 'outcome', sections: { [name in SectionName]?: object }) => {
    const recordId = makeUuid(atUs, systemRandom().bytes(8))
    const id = formatUuid(recordId)
    const at = formatTime(atUs)
    const when = { v: 1, kind, id, exchange: id, at, gateway: 'bench', incarnation: 1 }
    const all = Object.entries({ when, ...sections }).map(([name, value]) => ({
      name: name as SectionName,
      text: JSON.stringify(value),
      key: name === 'who' || name === 'where' ? person : ledgerKey,
    }))
    return { kind, recordId, ledgerKey, sections: all }
  }
  return [
    draft('intent', { who, where, what, why }),
    draft('outcome', { ...(via && { via }), how }),
  ]
}

function saltsOf({ sections, recordId }: RecordDraft): void {
  const byKey = Map.groupBy(sections, ({ key }) => key)
  for (const [key, { length }] of byKey) key.salts(recordId, length)
}

function partsOf({ kind, sections, recordId, ledgerKey }: RecordDraft) {
  const salt = new Uint8Array(16)
  const made = sections.map(({ name, text, key }) => {
    const id = SECTIONS[name]
    const bytes = Buffer.from(text)
    return {
      id,
      salt,
      bytes,
      keyId: key.id,
      digest: sectionDigest(nodeSha256, { id, salt, bytes }),
    }
  })
  const code = kind === 'intent' ? 1 : 2
  return { kind: code, recordId, ledgerKeyId: ledgerKey.id, sections: made, rows: [] }
}

function byteSum(sum: number, { bytes }: { readonly bytes: Uint8Array }): number {
  return sum + bytes.length
}

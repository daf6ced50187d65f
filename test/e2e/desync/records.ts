// What the ledger says, opened with the keys of the data directory.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeDisk } from '../../../packages/gateway/src/platform/index.ts'
import { openRecords } from '../../../packages/gateway/src/verify/open-records.ts'
import { Findings } from '../../../packages/gateway/src/verify/report.ts'

/** One exchange as it was judged and recorded. */
export interface Recorded {
  readonly id: string
  readonly kind: 'intent' | 'refusal'
  readonly address: string
  readonly principal: string | undefined
  readonly reason: string
  readonly method: string | undefined
  readonly authority: string | undefined
  readonly path: string | undefined
  readonly query: string | undefined
  /** Bytes that the request said it would have. */
  readonly length: number | undefined
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** Of an intent: how it ended. */
  outcome: Outcome | undefined
}

export interface Outcome {
  readonly ended: string
  readonly source: string | undefined
  readonly error: string | undefined
  readonly status: number | undefined
  readonly request: { readonly bytes: number; readonly sha256: string } | undefined
  readonly response: { readonly bytes: number; readonly sha256: string } | undefined
}

interface Sections {
  readonly when: { readonly kind: string; readonly exchange?: string }
  readonly who: { readonly principal?: { readonly id: string } }
  readonly where: { readonly address: string }
  readonly what: Pick<Recorded, 'method' | 'authority' | 'path' | 'query'> & {
    readonly body?: { readonly bytes: number }
    readonly headers?: Recorded['headers']
  }
  readonly why: { readonly reason: string }
  readonly how: Outcome
}

const NUMBERS = { when: 1, who: 2, where: 4, what: 5, why: 6, how: 8 } as const

/** Reads every exchange of the ledger, in order. */
export async function readExchanges(data: string): Promise<readonly Recorded[]> {
  const checkpoint = await readFile(join(data, '1/log/checkpoint'), 'utf8')
  const [origin = '', line] = checkpoint.split('\n')
  const size = Number(line)
  const to = new Findings()
  const kek = undefined
  const records = await openRecords({ disk: nodeDisk(), data, epoch: 1, origin, size, kek, to })
  assert.ok(records !== undefined)
  const found = new Map<string, Recorded>()
  for (let block = 0; block * 256 < size; block += 1) {
    for (const record of (await records.reader.block(block)).records) {
      const read = <K extends keyof Sections>(name: K): Partial<Sections[K]> => {
        const bytes = record.sections.find(({ id }) => id === NUMBERS[name])?.open?.bytes
        return bytes === undefined ? {} : JSON.parse(Buffer.from(bytes).toString('utf8'))
      }
      note(read, found)
    }
  }
  return [...found.values()]
}

function note(
  read: <K extends keyof Sections>(name: K) => Partial<Sections[K]>,
  found: Map<string, Recorded>,
): void {
  const { kind, exchange: id = '' } = read('when')
  if (kind === 'outcome') {
    const of = found.get(id)
    assert.ok(of?.kind === 'intent' && of.outcome === undefined, `outcome of ${id}`)
    of.outcome = read('how') as Outcome
  }
  assert.notEqual(kind, 'fold', 'every refusal is whole')
  if (kind !== 'intent' && kind !== 'refusal') return
  const { method, authority, path, query, body, headers = {} } = read('what')
  const told = { method, authority, path, query, length: body?.bytes, headers }
  const { reason = '' } = read('why')
  const principal = read('who').principal?.id
  const { address = '' } = read('where')
  found.set(id, { id, kind, address, principal, reason, ...told, outcome: undefined })
}

import type { Where, Who } from '@countersign/evidence'
import type { ExchangeRecorder } from '../../proxy/index.ts'
import { type BodySink, type CapturedBody, RecorderError, subjectOf } from '../../recorder/index.ts'
import type { Asker } from './asker.ts'
import type { SealedWords } from './messages.ts'
import { faultIn } from './record-fault.ts'
import { subjectWords } from './subject-words.ts'

/** What crosses at once of a body that comes whole. */
const PIECE_BYTES_MAX = 1_048_576

/** Bodies that a worker captures: the gateway, which has the keys, seals and keeps them. */
export function workerBodies(asker: Asker): ExchangeRecorder['bodies'] {
  return {
    begin: async (who: Who | undefined, where: Where): Promise<BodySink> => {
      const party = subjectWords(subjectOf(who, where))
      const answer = await asker.ask((place) => ['body', place, party])
      if (answer[0] !== 'begun') throw faultIn(answer)
      return new WorkerBody(asker, answer[2])
    },
    forget: async (body) => asker.send(['drop', idOf(body)]),
  }
}

/** For the row of a record that names these bodies. */
export function idsOf(bodies: readonly CapturedBody[] | undefined): readonly number[] | undefined {
  return bodies?.map(idOf)
}

class WorkerBody implements BodySink {
  readonly #asker: Asker
  readonly #id: number

  constructor(asker: Asker, id: number) {
    this.#asker = asker
    this.#id = id
  }

  async add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX) {
      const piece = bytes.subarray(at, at + PIECE_BYTES_MAX)
      const answer = await this.#asker.ask((place) => ['piece', place, this.#id, piece])
      if (answer[0] !== 'done') throw faultIn(answer)
    }
  }

  async finish(): Promise<CapturedBody> {
    const answer = await this.#asker.ask((place) => ['seal', place, this.#id])
    if (answer[0] !== 'sealed') throw faultIn(answer)
    return new SealedElsewhere(this.#id, answer[2])
  }

  async abandon(): Promise<void> {
    this.#asker.send(['drop', this.#id])
  }
}

/** What is known here of a body that the gateway keeps. */
class SealedElsewhere implements CapturedBody {
  readonly id: number
  readonly sha256: string
  readonly bytes: number
  readonly contentBytes: number
  readonly contentSha256: string
  readonly key: CapturedBody['key']

  constructor(id: number, words: SealedWords) {
    this.id = id
    this.sha256 = words.sha256
    this.bytes = words.bytes
    this.contentBytes = words.contentBytes
    this.contentSha256 = words.contentSha256
    this.key = { id: Buffer.from(words.keyId, 'hex') }
  }
}

function idOf(body: CapturedBody): number {
  if (body instanceof SealedElsewhere) return body.id
  throw new RecorderError('RECORDER_UNAVAILABLE', 'the body is none of this worker')
}

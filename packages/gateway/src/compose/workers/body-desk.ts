import {
  type BodySink,
  type CapturedBody,
  type Recorder,
  RecorderError,
} from '../../recorder/index.ts'
import type { Answer, Asking, FromWorker, SubjectWords } from './messages.ts'
import { subjectIn } from './subject-words.ts'

type BodyRow =
  | Extract<Asking, readonly ['body' | 'piece' | 'seal', ...unknown[]]>
  | Extract<FromWorker, readonly ['drop', number]>

export function isOfBodies(row: FromWorker): row is BodyRow {
  return row[0] === 'body' || row[0] === 'piece' || row[0] === 'seal' || row[0] === 'drop'
}

/** A body: while it comes, then on the disk and named by no record yet. */
interface Kept {
  readonly sink: BodySink
  body: CapturedBody | undefined
}

/**
 * The bodies that one worker, in one life, has captured: the keys that they are sealed with are
 * here alone. What no record has named when the worker ends is removed.
 */
export class BodyDesk {
  readonly #recorder: Recorder
  readonly #answer: (row: Answer) => void
  readonly #kept = new Map<number, Kept>()
  #next = 0
  #isClosed = false

  constructor(parts: { readonly recorder: Recorder; readonly answer: (row: Answer) => void }) {
    this.#recorder = parts.recorder
    this.#answer = parts.answer
  }

  async take(row: BodyRow): Promise<void> {
    if (row[0] === 'drop') return this.#drop(row[1])
    try {
      if (row[0] === 'body') await this.#begin(row[1], row[2])
      else if (row[0] === 'piece') await this.#add(row[1], row[2], row[3])
      else await this.#seal(row[1], row[2])
    } catch (error) {
      const code = error instanceof RecorderError ? error.code : 'RECORDER_UNAVAILABLE'
      this.#answer(['refused', row[1], code, String(error)])
    }
  }

  /** For a record that names them: whoever writes it answers for them. */
  named(ids: readonly number[] | undefined): readonly CapturedBody[] | undefined {
    return ids?.map((id) => {
      const body = this.#kept.get(id)?.body
      if (body === undefined) throw unknown(id)
      this.#kept.delete(id)
      return body
    })
  }

  /** The worker is no more. Resolves when nothing of it is left that no record names. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(Array.from(this.#kept.keys(), (id) => this.#drop(id)))
  }

  async #begin(place: number, party: SubjectWords): Promise<void> {
    const sink = await this.#recorder.bodies.beginOf(subjectIn(party))
    // Who asked may have died meanwhile.
    if (this.#isClosed) return sink.abandon()
    const id = this.#next++
    this.#kept.set(id, { sink, body: undefined })
    this.#answer(['begun', place, id])
  }

  async #add(place: number, id: number, bytes: Uint8Array): Promise<void> {
    await this.#at(id).sink.add(bytes)
    this.#answer(['done', place])
  }

  async #seal(place: number, id: number): Promise<void> {
    const kept = this.#at(id)
    const body = await kept.sink.finish()
    kept.body = body
    if (this.#isClosed) return this.#recorder.bodies.forget(body)
    const { sha256, bytes, contentBytes, contentSha256 } = body
    const keyId = Buffer.from(body.key.id).toString('hex')
    this.#answer(['sealed', place, { sha256, bytes, contentBytes, contentSha256, keyId }])
  }

  async #drop(id: number): Promise<void> {
    const kept = this.#kept.get(id)
    this.#kept.delete(id)
    if (kept?.body === undefined) await kept?.sink.abandon()
    else await this.#recorder.bodies.forget(kept.body)
  }

  #at(id: number): Kept {
    const kept = this.#kept.get(id)
    if (kept !== undefined && kept.body === undefined) return kept
    throw unknown(id)
  }
}

function unknown(id: number): RecorderError {
  return new RecorderError('RECORDER_UNAVAILABLE', `no body ${id} of this worker waits for that`)
}

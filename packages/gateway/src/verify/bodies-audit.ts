import type { CapturableBody, CapturedFacts, What } from '@countersign/evidence'
import { type Disk, diskErrorCode, type FileKind } from '../platform/index.ts'
import {
  BODIES_FOLDER,
  type BodyReader,
  bodyPath,
  isBodyFolder,
  type OpenedBody,
  parseBodyPath,
  VaultError,
} from '../vault/index.ts'
import { walk } from './log-layout.ts'
import type { Findings } from './report.ts'

/** A body as a record tells of it; of a request that was refused little may be known. */
export type ToldBody = NonNullable<What['body']> | CapturableBody

/** What the records say of things that may be gone. */
export interface Gone {
  readonly expired: ReadonlySet<string>
  readonly erased: ReadonlySet<string>
}

/** Holds captured bodies against the records that name them, each as soon as it is named. */
export class BodiesAudit {
  readonly #reader: Pick<BodyReader, 'read'>
  readonly #to: Findings
  readonly #told: { readonly body: ToldBody; readonly index: number }[] = []
  readonly #named = new Set<string>()
  readonly #missing = new Map<string, { readonly facts: CapturedFacts; readonly index: number }>()
  /** Bodies that are there, under keys that are not. */
  readonly #closed = new Map<string, { readonly facts: CapturedFacts; readonly index: number }>()

  constructor(options: { readonly reader: Pick<BodyReader, 'read'>; readonly to: Findings }) {
    this.#reader = options.reader
    this.#to = options.to
  }

  tell(body: ToldBody, index: number): void {
    this.#told.push({ body, index })
  }

  /** Reads what was told of since the last time. */
  async read(): Promise<void> {
    for (const { body, index } of this.#told.splice(0)) {
      if (body.captured !== undefined) await this.#read(body, body.captured, index)
    }
  }

  /** What no later record explains. */
  finish({ expired, erased }: Gone): void {
    for (const [sha256, { facts, index }] of this.#missing) {
      if (expired.has(bodyPath(sha256)) || erased.has(facts.key)) continue
      const why = `is gone, though record ${index} names it`
      this.#to.add('body', why, { file: bodyPath(sha256) })
    }
    for (const [sha256, { facts, index }] of this.#closed) {
      if (erased.has(facts.key)) continue
      const why = `needs key ${facts.key} by record ${index}, which is gone and was not erased`
      this.#to.add('body', why, { file: bodyPath(sha256) })
    }
  }

  /** Looks for what has no business among the bodies. `isWhole`: no other epoch names any. */
  async walk(disk: Disk, data: string, isWhole: boolean): Promise<void> {
    const to = this.#to.below(BODIES_FOLDER)
    const visit = (path: string): void => {
      const sha256 = parseBodyPath(path)
      if (sha256 === undefined || this.#named.has(sha256) || !isWhole) return
      to.skip('body', 'is named by no record that the checkpoint covers', { file: path })
    }
    await walk({ disk, directory: `${data}/${BODIES_FOLDER}`, allows, to, visit })
  }

  async #read(body: ToldBody, facts: CapturedFacts, index: number): Promise<void> {
    const { sha256 } = facts
    this.#named.add(sha256)
    try {
      const why = unlike(body, facts, await this.#reader.read(facts))
      if (why !== undefined)
        this.#to.add('body', `${why} record ${index} says`, { file: bodyPath(sha256) })
    } catch (fault) {
      this.#fault(fault, facts, index)
    }
  }

  #fault(fault: unknown, facts: CapturedFacts, index: number): void {
    if (!(fault instanceof VaultError)) {
      if (diskErrorCode(fault) === undefined) throw fault
      this.#to.lack('body', `of record ${index} cannot be read`, { file: bodyPath(facts.sha256) })
      return
    }
    const file = fault.place.file ?? bodyPath(facts.sha256)
    const why = fault.message.replace(/^body /, '')
    if (fault.code === 'VAULT_FILE_MISSING') this.#missing.set(facts.sha256, { facts, index })
    else if (fault.code === 'VAULT_KEY_MISSING') this.#closed.set(facts.sha256, { facts, index })
    else if (fault.code === 'VAULT_MALFORMED') this.#to.skip('body', why, { file })
    else this.#to.add('body', `${why} (record ${index} names it)`, { file })
  }
}

function allows(path: string, kind: FileKind): boolean {
  return kind === 'directory' ? isBodyFolder(path) : isBodyFile(path)
}

/** While it is written a body is named by chance. */
function isBodyFile(path: string): boolean {
  return parseBodyPath(path) !== undefined || /^incoming\/[0-9a-f]{32}$/.test(path)
}

/** What the content and the message that it is of do not have in common. */
function unlike(body: ToldBody, facts: CapturedFacts, opened: OpenedBody): string | undefined {
  const { bytes, sha256 } = body
  if (facts.redactions !== undefined || facts.decoded !== undefined) return undefined
  if (facts.truncated === true) {
    return bytes !== undefined && facts.contentBytes > bytes ? 'has more content than' : undefined
  }
  if (bytes !== undefined && bytes !== facts.contentBytes) return 'has not so much content as'
  return sha256 !== undefined && sha256 !== opened.sha256 ? 'has another content than' : undefined
}

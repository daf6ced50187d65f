import { type FoldFacts, type GapFacts, parseTime, type RecordPlace } from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import { RecorderError } from './error.ts'
import { encodeOpenTag } from './open-tag.ts'
import type { WriteDraft, Written } from './record-writer.ts'

/** What a fold counts, from its opening on. */
export type FoldDraft = Required<Pick<FoldFacts, 'reason' | 'scope' | 'from' | 'untalliedMax'>> &
  Pick<FoldFacts, 'key'>

/** A fold whose opening is durable. */
export interface OpenFold {
  readonly index: LeafIndex
  readonly incarnation: number
  readonly draft: FoldDraft
}

/** All that were answered by then; never less than was said before. */
export interface FoldCount {
  readonly count: number
  readonly until: string
}

/** Records of refusals that are counted. */
export class FoldRecords {
  readonly #epoch: number
  readonly #write: (draft: WriteDraft) => Promise<Written>
  readonly #incarnation: () => number | undefined
  readonly #open = new Set<FoldDraft>()

  constructor(parts: {
    readonly epoch: number
    readonly write: (draft: WriteDraft) => Promise<Written>
    readonly incarnation: () => number | undefined
  }) {
    this.#epoch = parts.epoch
    this.#write = parts.write
    this.#incarnation = parts.incarnation
  }

  /** Folds of this incarnation without an end: no stop is written before them. */
  get openFolds(): number {
    return this.#open.size
  }

  /** The folds of the incarnation before are ended by the opening of this one. */
  forget(): void {
    this.#open.clear()
  }

  /** Before the first refusal that it counts is answered. */
  async open(draft: FoldDraft, about: RecordPlace | undefined): Promise<OpenFold> {
    const { untalliedMax } = draft
    const fromMs = Math.floor(parseTime(draft.from) / 1000)
    const opens = encodeOpenTag({ of: 'fold', fromMs, untalliedMax })
    this.#open.add(draft)
    try {
      const { index, incarnation } = await this.#write({
        kind: 'fold',
        ...(about === undefined ? {} : { about }),
        opens,
        sections: [{ name: 'what', value: { act: 'open', ...draft } satisfies FoldFacts }],
      })
      return { index, incarnation, draft }
    } catch (error) {
      this.#open.delete(draft)
      throw error
    }
  }

  /** RECORDER_INTENT_CLOSED: a later incarnation has told of its end already. */
  async tally(fold: OpenFold, counted: FoldCount): Promise<void> {
    await this.#about(fold, 'tally', counted)
  }

  /** As `tally`; nothing is counted after it. */
  async close(fold: OpenFold, counted: FoldCount): Promise<void> {
    await this.#about(fold, 'close', counted)
    this.#open.delete(fold.draft)
  }

  /** Ends a fold whose count is lost, after a record that tells of it: `worker-lost`. */
  async interrupt({ index, incarnation, draft }: OpenFold, until: string): Promise<void> {
    if (incarnation !== this.#incarnation()) {
      throw new RecorderError('RECORDER_INTENT_CLOSED', 'the fold was interrupted')
    }
    const { from, untalliedMax: unrecordedMax } = draft
    const what = { reason: 'fold-interrupted', from, until, unrecorded: 0, unrecordedMax } as const
    await this.#write({
      kind: 'gap',
      about: { epoch: this.#epoch, index },
      closes: index,
      sections: [{ name: 'what', value: what satisfies GapFacts }],
    })
    this.#open.delete(draft)
  }

  async #about(
    { index, incarnation, draft }: OpenFold,
    act: 'tally' | 'close',
    counted: FoldCount,
  ) {
    if (incarnation !== this.#incarnation()) {
      throw new RecorderError('RECORDER_INTENT_CLOSED', 'the fold was interrupted')
    }
    const { untalliedMax: _, ...facts } = draft
    await this.#write({
      kind: 'fold',
      about: { epoch: this.#epoch, index },
      ...(act === 'close' ? { closes: index } : {}),
      sections: [{ name: 'what', value: { act, ...facts, ...counted } satisfies FoldFacts }],
    })
  }
}

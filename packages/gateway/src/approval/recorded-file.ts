import { StateFile, type StateFileOptions } from '../platform/index.ts'
import { ApprovalError } from './approval-error.ts'

/** The state file of what goes on record first. */
export class RecordedFile {
  readonly #file: StateFile
  readonly #onUnsaved: () => void
  #isUnsaved = false

  /** `onUnsaved`: sees to it that `saveRecorded` is called again. */
  constructor({ onUnsaved, ...options }: StateFileOptions & { readonly onUnsaved: () => void }) {
    this.#file = new StateFile(options)
    this.#onUnsaved = onUnsaved
  }

  /** What is on record is not on the disk. */
  get isUnsaved(): boolean {
    return this.#isUnsaved
  }

  load(): Promise<string | undefined> {
    return this.#file.load()
  }

  /** Of what is to be on the disk before it is on record. */
  save(): Promise<void> {
    return this.#file.save()
  }

  /** What is on record is so, though the disk has not taken it yet: whoever asked is told both. */
  async saveRecorded(): Promise<void> {
    try {
      await this.#file.save()
      this.#isUnsaved = false
    } catch (cause) {
      this.#isUnsaved = true
      this.#onUnsaved()
      const message = 'it is on record and counts; the disk does not take it, which is tried again'
      throw new ApprovalError('APPROVAL_UNSAVED', message, { cause })
    }
  }
}

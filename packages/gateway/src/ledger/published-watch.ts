import type { TreeSize } from '@countersign/tlog'
import type { Published } from './publisher.ts'

export type PublishedListener = (published: Published) => void

interface Waiting {
  readonly size: TreeSize
  readonly resolve: (published: Published) => void
  readonly reject: (error: Error) => void
}

/** Who is told of a new checkpoint: listeners of each, and who waits for a size to be covered. */
export class PublishedWatch {
  readonly #listeners = new Set<PublishedListener>()
  readonly #waiting = new Set<Waiting>()

  on(listener: PublishedListener): void {
    this.#listeners.add(listener)
  }

  wait(size: TreeSize): Promise<Published> {
    return new Promise((resolve, reject) => {
      this.#waiting.add({ size, resolve, reject })
    })
  }

  tell(published: Published): void {
    for (const listener of this.#listeners) listener(published)
    for (const waiting of this.#waiting) {
      if (waiting.size > published.size) continue
      this.#waiting.delete(waiting)
      waiting.resolve(published)
    }
  }

  /** Nothing will be published any more. */
  end(reason: Error): void {
    for (const { reject } of this.#waiting) reject(reason)
    this.#waiting.clear()
  }
}

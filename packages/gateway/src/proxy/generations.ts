import type { InForce } from './in-force.ts'
import type { Upstream } from './upstream.ts'

/** What is in force, and what was and still has exchanges that go by it. */
export class Generations {
  #current: InForce
  readonly #live: Set<InForce>
  readonly #onFault: (fault: unknown) => void

  constructor(first: InForce, onFault: (fault: unknown) => void) {
    this.#current = first
    this.#live = new Set([first])
    this.#onFault = onFault
  }

  get current(): InForce {
    return this.#current
  }

  /** From here on exchanges go by `next`; the former lets go when its last exchange has ended. */
  replace(next: InForce, whenFormerIsUnused: () => void): void {
    const former = this.#current
    this.#current = next
    this.#live.add(next)
    former.uses.retire(() => {
      this.#live.delete(former)
      for (const { client } of this.#unshared(former)) client.close().catch(this.#onFault)
      whenFormerIsUnused()
    })
  }

  /** What was made ready and does not come into force. */
  async abandon(next: InForce): Promise<void> {
    await Promise.all(this.#unshared(next).map(({ client }) => client.destroy()))
  }

  /** Breaks every connection to every upstream. */
  async close(): Promise<void> {
    const upstreams = [...this.#live].flatMap((each) => [...each.upstreams.values()])
    await Promise.all([...new Set(upstreams)].map(({ client }) => client.destroy()))
  }

  /** Connections that nothing else goes by: an upstream that did not change keeps its own. */
  #unshared({ upstreams }: InForce): readonly Upstream[] {
    const shared = new Set([...this.#live].flatMap((each) => [...each.upstreams.values()]))
    return [...upstreams.values()].filter((upstream) => !shared.has(upstream))
  }
}

import { type ChallengeWords, type Pair, PendingChallenges } from '../../acme/index.ts'
import type { ListenerSettings } from '../../proxy/index.ts'
import { type CertificateSource, filled, type ReadyCertificates } from '../open-acme.ts'

/** What the gateway has obtained, and what an authority looks for while it validates names. */
export interface CertificateWords {
  readonly pairs: readonly (readonly [listener: string, pair: Pair])[]
  readonly challenges: ChallengeWords
}

/** Certificates that another process obtains, keeps and records. */
export class FollowedCertificates implements CertificateSource {
  readonly challenges = new PendingChallenges()
  #pairs: ReadonlyMap<string, Pair> = new Map()
  #use: (listener: string) => void = () => undefined

  follow({ pairs, challenges }: CertificateWords): void {
    const former = this.#pairs
    this.#pairs = new Map(pairs)
    this.challenges.follow(challenges)
    for (const [name, { certificate }] of pairs) {
      if (former.get(name)?.certificate !== certificate) this.#use(name)
    }
  }

  onChange(use: (listener: string) => void): void {
    this.#use = use
  }

  fill(listener: ListenerSettings): ListenerSettings {
    return filled(listener, this.#pairs.get(listener.name))
  }

  async ready(): Promise<ReadyCertificates> {
    return { apply: () => undefined, abandon: async () => undefined }
  }

  async close(): Promise<void> {
    this.#use = () => undefined
  }
}

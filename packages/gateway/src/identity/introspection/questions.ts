/** One network has no more of the questions at once than this part, unless it is configured. */
const NETWORK_PART = 4

export interface QuestionLimits {
  readonly inFlightMax: number
  readonly inFlightPerNetworkMax?: number | undefined
}

/** Questions that are on their way, all together and of each client network. */
export class Questions {
  readonly #max: number
  readonly #perNetworkMax: number
  readonly #ofNetworks = new Map<string, number>()
  #all = 0

  constructor({ inFlightMax, inFlightPerNetworkMax }: QuestionLimits) {
    this.#max = inFlightMax
    this.#perNetworkMax = inFlightPerNetworkMax ?? Math.ceil(inFlightMax / NETWORK_PART)
  }

  /** Whether there is room for one more: nobody's questions take what others need. */
  hasRoom(network: string): boolean {
    if (this.#all >= this.#max) return false
    return (this.#ofNetworks.get(network) ?? 0) < this.#perNetworkMax
  }

  begin(network: string): void {
    this.#all += 1
    this.#ofNetworks.set(network, (this.#ofNetworks.get(network) ?? 0) + 1)
  }

  end(network: string): void {
    this.#all -= 1
    const left = (this.#ofNetworks.get(network) ?? 0) - 1
    if (left > 0) this.#ofNetworks.set(network, left)
    else this.#ofNetworks.delete(network)
  }
}

/** What all captures in flight may hold in memory together. */
export class CaptureMemory {
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** False: there is no room for it, and nothing was taken. */
  take(bytes: number, bytesMax: number): boolean {
    if (this.#bytes + bytes > bytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

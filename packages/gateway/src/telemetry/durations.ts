import { foldStatus } from './status-label.ts'

/** How long things took, as a histogram of Prometheus: for each set of labels a row of counts. */
export class Durations {
  readonly #parts: DurationsParts
  /** By the label that varies least, then the next, then the status. */
  readonly #rows = new Map<string, Map<string, (Row | undefined)[]>>()

  constructor(parts: DurationsParts) {
    this.#parts = parts
  }

  /** On the way of every request: two lookups, and nothing is made but the first time. */
  observe(first: string, second: string, told: number, seconds: number): void {
    const status = foldStatus(told)
    const row = this.#rows.get(first)?.get(second)?.[status] ?? this.#add(first, second, status)
    row.sum += seconds
    const { bounds } = this.#parts
    let at = 0
    while (at < bounds.length && seconds > (bounds[at] ?? 0)) at += 1
    row.counts[at] = (row.counts[at] ?? 0) + 1
  }

  /** Takes everything out, to be added elsewhere. */
  take(): readonly DurationRow[] {
    const rows: DurationRow[] = []
    for (const [first, seconds] of this.#rows) {
      for (const [second, byStatus] of seconds) {
        byStatus.forEach((row, status) => {
          if (row !== undefined) rows.push({ first, second, status, ...row })
        })
      }
    }
    this.#rows.clear()
    return rows
  }

  /** Adds what was taken out elsewhere, by the same bounds. */
  add(rows: readonly DurationRow[]): void {
    for (const { first, second, status, counts, sum } of rows) {
      const known = this.#rows.get(first)?.get(second)?.[status]
      const row = known ?? this.#add(first, second, status)
      row.sum += sum
      counts.forEach((count, at) => {
        row.counts[at] = (row.counts[at] ?? 0) + count
      })
    }
  }

  /** In Prometheus' text format. */
  text(): string {
    const { name, help, bounds } = this.#parts
    let text = `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`
    for (const { labels, counts, sum } of this.#all()) {
      let below = 0
      for (const [at, count] of counts.entries()) {
        below += count
        text += `${name}_bucket{le="${bounds[at] ?? '+Inf'}",${labels}} ${below}\n`
      }
      text += `${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${below}\n`
    }
    return text
  }

  #add(first: string, second: string, status: number): Row {
    const { labels: label, bounds } = this.#parts
    const seconds = this.#rows.get(first) ?? new Map<string, (Row | undefined)[]>()
    this.#rows.set(first, seconds)
    const rows = seconds.get(second) ?? []
    seconds.set(second, rows)
    const row = { labels: label(first, second, status), counts: bounds.map(() => 0), sum: 0 }
    row.counts.push(0)
    rows[status] = row
    return row
  }

  *#all(): Iterable<Row> {
    for (const seconds of this.#rows.values()) {
      for (const rows of seconds.values()) {
        for (const row of rows) if (row !== undefined) yield row
      }
    }
  }
}

export interface DurationsParts {
  readonly name: string
  readonly help: string
  /** Upper bounds, seconds, rising. */
  readonly bounds: readonly number[]
  /** The labels of a row, as they stand between the braces; names of the configuration alone. */
  readonly labels: (first: string, second: string, status: number) => string
}

/** One row, as it crosses from one process to another. */
export interface DurationRow extends Pick<Row, 'counts' | 'sum'> {
  readonly first: string
  readonly second: string
  readonly status: number
}

interface Row {
  readonly labels: string
  /** In each bucket alone, and last what is above all bounds. */
  readonly counts: number[]
  sum: number
}
